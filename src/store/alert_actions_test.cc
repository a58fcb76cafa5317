#include "store/alert_actions.h"

#include <gmock/gmock.h>

#include "store/test_database.h"

namespace tessera::store {
namespace {
namespace alerts = fleet::alerts;
using testing::ElementsAre;

struct AlertActions : EachDatabase {
  alerts::ActionRecord add(const std::string& rule, alerts::Deed deed, bool dry_run) {
    alerts::ActionRecord out{.rule = rule,
                             .subject = "c/GPU-1",
                             .cluster = "c",
                             .deed = deed,
                             .target = "w-1",
                             .dry_run = dry_run,
                             .fired = 5'000,
                             .labels = {{"node", "w-1"}, {"pod", "a\tb"}},
                             .summary = "It's hot.",
                             .value = 90.5,
                             .asked = 6'000};
    const auto done = database->atomically([&] { return add_alert_action(*database, out); });
    EXPECT_TRUE(done) << (done ? "" : done.error().what);
    return out;
  }
};

TEST_P(AlertActions, AreKeptFromBeginToEnd) {
  alerts::ActionRecord first = add("A", alerts::Deed::Cordon, false);
  const alerts::ActionRecord second = add("B", alerts::Deed::Webhook, true);
  EXPECT_EQ(second.id, first.id + 1);
  EXPECT_THAT(*open_alert_actions(*database), ElementsAre(first, second));
  first.stage = alerts::Stage::Standing;
  first.begun = 7'000;
  first.last_error = "it took a while";
  ASSERT_TRUE(note_alert_action(*database, first));
  EXPECT_THAT(*open_alert_actions(*database), ElementsAre(first, second));
  first.stage = alerts::Stage::Ended;
  first.ended = 8'000;
  first.last_error.clear();
  ASSERT_TRUE(note_alert_action(*database, first));
  EXPECT_THAT(*open_alert_actions(*database), ElementsAre(second));
  EXPECT_THAT(*alert_actions(*database, 10), ElementsAre(second, first));
  EXPECT_THAT(*alert_actions(*database, 1), ElementsAre(second));
}

TEST_P(AlertActions, ThatAreOverGoInTheEndAndLeaveTheirIdToNobody) {
  alerts::ActionRecord one = add("A", alerts::Deed::Taint, false);
  one.stage = alerts::Stage::Ended;
  one.ended = 8'000;
  ASSERT_TRUE(note_alert_action(*database, one));
  ASSERT_TRUE(drop_alert_actions_before(*database, 9'000));
  const alerts::ActionRecord next = add("B", alerts::Deed::Taint, false);
  EXPECT_GT(next.id, one.id);
  ASSERT_TRUE(drop_alert_actions_before(*database, 8'000));
  EXPECT_THAT(*alert_actions(*database, 10), ElementsAre(next, one));
  ASSERT_TRUE(drop_alert_actions_before(*database, 8'001));
  EXPECT_THAT(*alert_actions(*database, 10), ElementsAre(next)) << "what has not ended stays";
}

INSTANTIATE_EACH_DOOR(AlertActions);

}  // namespace
}  // namespace tessera::store
