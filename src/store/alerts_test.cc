#include "store/alerts.h"

#include <gmock/gmock.h>

#include "fleet/alerts/track_text.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
namespace alerts = fleet::alerts;
using testing::ElementsAre;
using testing::IsEmpty;

struct Alerts : EachDatabase {
  AlertEvent event(EpochMs time, const std::string& alert, alerts::Phase phase = alerts::Phase::Firing) {
    return {0,           time,     phase, "observed",  alert, "c/GPU-1", "critical", {{"gpu", "0"}, {"pod", "a\tb"}},
            "It's hot.", time - 5, 0.1,   alert != "B"};
  }
  std::vector<AlertEvent> add(std::vector<AlertEvent> events) {
    const auto done = database->atomically([&] { return add_alert_events(*database, events); });
    EXPECT_TRUE(done) << (done ? "" : done.error().what);
    return events;
  }
};

TEST_P(Alerts, KeepWhatARestartGoesOnWith) {
  EXPECT_EQ(*alert_state(*database, "told"), "");
  ASSERT_TRUE(keep_alert_state(*database, "told", "one\n"));
  ASSERT_TRUE(keep_alert_state(*database, "told", "two\tthree\n"));
  EXPECT_EQ(*alert_state(*database, "told"), "two\tthree\n");
  EXPECT_EQ(*alert_state(*database, "baselines"), "");
}

TEST_P(Alerts, KeepTracksEachByItself) {
  const auto track = [](const std::string& rule, const std::string& subject, EpochMs last) {
    return KeptTrack{
        {.rule = rule,
         .subject = std::make_shared<const alerts::Subject>(alerts::Subject{subject, "c/n", {{"gpu", "0"}}}),
         .since = 5,
         .last = last,
         .value = 0.5},
        7};
  };
  const KeptTrack a = track("A", "c/1", 1), b = track("A", "c/2", 2), c = track("B", "c/1", 3);
  ASSERT_TRUE(keep_alert_tracks(*database, {c, b, a}, {}));
  EXPECT_THAT(*alert_tracks(*database), ElementsAre(a, b, c));
  const KeptTrack later = track("A", "c/2", 9);
  ASSERT_TRUE(keep_alert_tracks(*database, {later}, {{"A", "c/1"}, {"B", "c/2"}}));
  EXPECT_THAT(*alert_tracks(*database), ElementsAre(later, c));
}

TEST_P(Alerts, GoOnWithTracksThatWereKeptAsOneText) {
  const KeptTrack old{{.rule = "A",
                       .subject = std::make_shared<const alerts::Subject>(alerts::Subject{"c/1", "c/n", {}}),
                       .since = 5,
                       .last = 6},
                      0};
  ASSERT_TRUE(keep_alert_state(*database, "tracks", alerts::tracks_text({old.track})));
  EXPECT_THAT(*alert_tracks(*database), ElementsAre(old));
  ASSERT_TRUE(keep_alert_tracks(*database, {}, {}));
  EXPECT_THAT(*alert_tracks(*database), IsEmpty());
}

TEST_P(Alerts, KeepWhatHasHappenedAndHowFarReceiversAre) {
  const auto first = add({event(1'000, "A"), event(2'000, "B")});
  EXPECT_EQ(first[1].id, first[0].id + 1);
  const auto then = add({event(3'000, "A", alerts::Phase::Resolved)});
  EXPECT_THAT(*alert_events_behind(*database, first[0].id, 10), ElementsAre(first[1], then[0]));
  EXPECT_THAT(*alert_events_behind(*database, 0, 1), ElementsAre(first[0]));
  EXPECT_THAT(*alert_history(*database, 1'000, 3'000, "", 10), ElementsAre(first[1], first[0]));
  EXPECT_THAT(*alert_history(*database, 0, 9'000, "A", 10), ElementsAre(then[0], first[0]));
  EXPECT_THAT(*alert_history(*database, 0, 9'000, "", 1), ElementsAre(then[0]));
  ASSERT_TRUE(drop_alert_events_before(*database, 9'000));
  EXPECT_THAT(*alert_history(*database, 0, 9'000, "", 10), ElementsAre(then[0])) << "ids are given once";
  EXPECT_GT(add({event(4'000, "C")})[0].id, then[0].id);

  EXPECT_FALSE(*alert_delivery(*database, "alertmanager http://a"));
  ASSERT_TRUE(note_alert_delivery(*database, "alertmanager http://a", 0));
  ASSERT_TRUE(note_alert_delivery(*database, "alertmanager http://a", 2));
  EXPECT_EQ(*alert_delivery(*database, "alertmanager http://a"), 2);
}

TEST_P(Alerts, KeepWhatStandsWhereTheDatabaseTakesNothingNew) {
  ASSERT_TRUE(note_alert_delivery(*database, "a", 7));
  ASSERT_TRUE(keep_alert_state(*database, "told", "one"));
  for (const std::string table : {"alert_delivery", "alert_state"})
    ASSERT_TRUE(database->run(postgres() ? "ALTER TABLE " + table + " ADD CHECK (false) NOT VALID"
                                         : "CREATE TRIGGER no_" + table + " BEFORE INSERT ON " + table +
                                               " BEGIN SELECT RAISE(ABORT, 'no'); END",
                              {}));
  EXPECT_FALSE(note_alert_delivery(*database, "a", 8));
  EXPECT_FALSE(keep_alert_state(*database, "told", "two"));
  EXPECT_EQ(*alert_delivery(*database, "a"), 7);
  EXPECT_EQ(*alert_state(*database, "told"), "one");
}

TEST_P(Alerts, KeepSilences) {
  alerts::Silence one{"s1",
                      {{"alertname", "A"}, {"node", "x=y", false}},
                      1'000,
                      2'000,
                      alerts::Repeat::Weekly,
                      "the rack's fans",
                      "key:a ada",
                      500,
                      "Asia/Seoul"};
  ASSERT_TRUE(put_alert_silence(*database, one));
  EXPECT_THAT(*alert_silences(*database), ElementsAre(one));
  one.matchers.clear();
  ASSERT_TRUE(put_alert_silence(*database, one));
  EXPECT_THAT(*alert_silences(*database), ElementsAre(one));
  alerts::Silence over = one;
  over.id = "s2";
  over.repeat = alerts::Repeat::Never;
  ASSERT_TRUE(put_alert_silence(*database, over));
  ASSERT_TRUE(drop_alert_silences_before(*database, 2'000));
  EXPECT_THAT(*alert_silences(*database), ElementsAre(one, over));
  ASSERT_TRUE(drop_alert_silences_before(*database, 2'001));
  EXPECT_THAT(*alert_silences(*database), ElementsAre(one)) << "it comes again";
  EXPECT_TRUE(*drop_alert_silence(*database, "s1"));
  EXPECT_FALSE(*drop_alert_silence(*database, "s1"));
  EXPECT_THAT(*alert_silences(*database), IsEmpty());
}

INSTANTIATE_EACH_DOOR(Alerts);

}  // namespace
}  // namespace tessera::store
