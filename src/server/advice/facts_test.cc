#include "server/advice/facts.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::server {
namespace {
using fleet::alerts::Phase;
using fleet::alerts::Track;
using store::AlertEvent;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kNow = 1'800'000'000'000, kHour = 3'600'000, kDay = 24 * kHour;
constexpr const char* kRemap = "GPURowRemapFailed";

struct TroublesTest : testing::Test {
  TroublesTest() {
    told.scrape(kNow, R"(node="w1",cluster="c",job="agent")",
                "gpu_device_info{gpu=\"3\",UUID=\"GPU-3\",model=\"NVIDIA H100 80GB HBM3\"} 1\n");
    known.view = told.fleet.publish(kNow);
  }
  /// The latest comes first.
  void event(EpochMs at, Phase phase, const std::string& uuid = "GPU-3", EpochMs fired = 0) {
    AlertEvent one;
    one.time = at;
    one.fired = fired == 0 ? at : fired;
    one.phase = phase;
    one.alert = kRemap;
    one.labels = {{"uuid", uuid}};
    events.insert(events.begin(), one);
  }
  void stands(EpochMs fired, Phase phase = Phase::Firing) {
    Track one;
    one.rule = kRemap;
    one.subject =
        std::make_shared<const fleet::alerts::Subject>(fleet::alerts::Subject{"c/GPU-3", "", {{"uuid", "GPU-3"}}});
    one.phase = phase;
    one.fired = fired;
    tracks.push_back(one);
  }
  std::vector<fleet::advice::Trouble> look() const { return troubles_of(known, nullptr, events, tracks, copies, kNow); }

  fleet::ToldPages told;
  Published known;
  std::vector<AlertEvent> events;
  std::vector<Track> tracks;
  AlertCopies copies;
};

TEST_F(TroublesTest, CountTimesAndHoursOfDevicesThatAreThere) {
  event(kNow - 9 * kHour, Phase::Firing);
  event(kNow - 7 * kHour, Phase::Resolved);
  event(kNow - 2 * kHour, Phase::Firing);
  event(kNow - kHour, Phase::Firing, "GPU-gone");
  const auto list = look();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].device_id, "w1-GPU-03");
  EXPECT_EQ(list[0].device_uuid, "GPU-3");
  EXPECT_EQ(list[0].alert, kRemap);
  EXPECT_EQ(list[0].times, 2U);
  EXPECT_EQ(list[0].firing, Milliseconds(4 * kHour));
  EXPECT_FALSE(list[0].per_hour);
}

TEST_F(TroublesTest, OfOneThatBeganBeforeTheWindowAndEndedInItTheRestCounts) {
  const EpochMs from = kNow - kTroubleWindow.count();
  event(from + 5 * kHour, Phase::Resolved, "GPU-3", from - 3 * kDay);
  auto list = look();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].times, 1U);
  EXPECT_EQ(list[0].firing, Milliseconds(5 * kHour)) << "not what was before it";
  event(from + 9 * kHour, Phase::Firing);
  event(from + 10 * kHour, Phase::Resolved, "GPU-3", from + 9 * kHour);
  list = look();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].times, 2U);
  EXPECT_EQ(list[0].firing, Milliseconds(6 * kHour));
}

TEST_F(TroublesTest, GoOnForAsLongAsTheAlertStands) {
  stands(kNow - 30 * kDay);
  auto list = look();
  ASSERT_THAT(list, SizeIs(1)) << "its begin is no longer looked at, and the board is as sick as it was";
  EXPECT_EQ(list[0].times, 1U);
  EXPECT_EQ(list[0].firing, kTroubleWindow);
  fleet::advice::Facts facts;
  facts.troubles = list;
  EXPECT_THAT(advise(facts), SizeIs(1));
  event(kNow - 2 * kHour, Phase::Firing);
  tracks.front().fired = kNow - 2 * kHour;
  list = look();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].times, 1U) << "its begin is counted once";
  EXPECT_EQ(list[0].firing, Milliseconds(2 * kHour));
}

TEST_F(TroublesTest, DoNotComeOfWhatDoesNotFireYet) {
  stands(0, Phase::Pending);
  EXPECT_THAT(look(), IsEmpty());
}

TEST_F(TroublesTest, SayWhoseCopyFired) {
  event(kNow - 2 * kHour, Phase::Firing);
  events.front().alert = "ProdRowRemapFailed";
  stands(kNow - 2 * kHour);
  tracks.front().rule = "ProdRowRemapFailed";
  copies = {{"ProdRowRemapFailed", kRemap}};
  const auto list = look();
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list[0].alert, "ProdRowRemapFailed");
  EXPECT_EQ(list[0].copy_of, kRemap);
  EXPECT_EQ(list[0].times, 1U);
}

}  // namespace
}  // namespace tessera::server
