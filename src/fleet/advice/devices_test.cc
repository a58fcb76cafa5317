#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/advice/advice.h"
#include "fleet/advice/scenarios.h"
#include "fleet/cost/money.h"

namespace tessera::fleet::advice {
namespace {
using testing::SizeIs;

/// What the board's own slowdown raises, and errors that come back.
TEST(Advice, SaysOfABoardWhateverItsAlertsAreASignOf) {
  const auto says = [](const char* alert, unsigned times, Milliseconds firing) {
    Facts facts;
    facts.now = kNow;
    facts.troubles = {{"prod", "worker-01", "worker-01-GPU-03", "H100_80GB", alert, kNow - 7 * kDayMs, kNow, 1, times,
                       firing, std::nullopt}};
    return advise(facts).size() == 1;
  };
  using std::chrono::minutes;
  for (const char* alert :
       {"GPUThermalThrottling", "GPUPowerBrake", "GPUThrottledMoreThanNeighbours", "GPUThrottledMoreThanUsual"}) {
    EXPECT_TRUE(says(alert, 1, minutes(60))) << alert;
    EXPECT_TRUE(says(alert, 4, minutes(20))) << alert;
    EXPECT_FALSE(says(alert, 3, minutes(59))) << alert;
  }
  EXPECT_FALSE(says("GPUPowerBelowNeighbours", 9, minutes(7 * 24 * 60))) << "clocks may be set low on purpose";
  EXPECT_FALSE(says("GPUEccUncorrectable", 1, minutes(7 * 24 * 60))) << "it fires until the driver is loaded anew";
  EXPECT_TRUE(says("GPUEccUncorrectable", 2, minutes(1)));
}

/// A rule's copy has a name and a scope of its own, and means the same.
TEST(Advice, SaysOfABoardWhatACopyOfItsAlertTells) {
  Facts facts;
  facts.now = kNow;
  facts.troubles = {{"prod", "worker-01", "worker-01-GPU-03", "H100_80GB", "ProdRowRemapFailed", kNow - 7 * kDayMs,
                     kNow, 1, 1, Milliseconds(0), kUnit, "GPU-a", "GPURowRemapFailed"}};
  const auto list = advise(facts);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_THAT(list[0].sentence, testing::HasSubstr("(ProdRowRemapFailed, 1 times)"));
  EXPECT_TRUE(list[0].saving) << "a sick board's";
  facts.troubles[0].copy_of = "GPUOverheating";
  EXPECT_THAT(advise(facts), testing::IsEmpty()) << "whatever it is called";
  facts.troubles[0].copy_of.clear();
  EXPECT_THAT(advise(facts), testing::IsEmpty());
}

TEST(Boards, AreKnownByTheirUuidWhereverTheyStand) {
  Trouble one{"prod", "worker-01", "worker-01-GPU-03", "H100_80GB", "GPURowRemapFailed", kNow - 7 * kDayMs, kNow,
              1,      1,           Milliseconds(0),    kUnit};
  const auto said = [](const std::vector<Trouble>& list) {
    Facts facts;
    facts.troubles = list;
    return advise(facts);
  };
  const Advice by_place = said({one}).at(0);
  EXPECT_EQ(by_place.id, id_by_slot(by_place));
  one.device_uuid = "GPU-a";
  const Advice first = said({one}).at(0);
  EXPECT_NE(first.id, by_place.id);
  EXPECT_EQ(id_by_slot(first), by_place.id) << "as it was named before";
  Trouble moved = one, next = one;
  moved.device_id = "worker-02-GPU-00";
  EXPECT_EQ(said({moved}).at(0).id, first.id);
  next.device_uuid = "GPU-b";
  EXPECT_NE(said({next}).at(0).id, first.id);
  EXPECT_THAT(said({one, next}), SizeIs(2)) << "the one that is taken out, and the one in its place";
}

}  // namespace
}  // namespace tessera::fleet::advice
