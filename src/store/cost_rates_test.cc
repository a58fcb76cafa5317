#include "store/cost_rates.h"

#include <gmock/gmock.h>

#include "fleet/cost/ledger.h"
#include "store/cost_ledger.h"
#include "store/cost_places.h"
#include "store/cost_pods.h"
#include "store/cost_shares.h"
#include "store/devices.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000, kBucket = fleet::kCostBucket.count();

fleet::Rate h100(fleet::Micros per_hour) {
  fleet::Rate out;
  out.model = "H100_80GB";
  out.purchase = fleet::Purchase::Spot;
  out.per_hour = per_hour;
  return out;
}

struct CostRatesKept : EachDatabase {};

TEST_P(CostRatesKept, AreThoseOfAllTimes) {
  EXPECT_THAT(*cost_rates(*database), IsEmpty());
  EXPECT_THAT(*keep_cost_rates(*database, {h100(8)}, 0, kStart), ElementsAre(h100(8)));
  EXPECT_THAT(*cost_rates(*database), ElementsAre(h100(8)));
  ASSERT_TRUE(keep_cost_rates(*database, {h100(9)}, 0, kStart + kBucket));
  auto before = h100(8), after = h100(9);
  before.to = after.from = kStart + kBucket;
  EXPECT_THAT(*cost_rates(*database), ElementsAre(before, after));
  EXPECT_THAT(*keep_cost_rates(*database, {h100(9)}, 0, kStart + 9 * kBucket), ElementsAre(before, after));
}

TEST_P(CostRatesKept, ARateForATimeThatHasBeenMakesItsBucketsLate) {
  CostWriter writer(*database);
  ASSERT_TRUE(keep_cost_rates(*database, {h100(8)}, 0, kStart));
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(*writer.close(kStart + i * kBucket, {}, kStart + 7 * kBucket));
  EXPECT_THAT(*late_buckets(*database, 99), IsEmpty());
  auto dated = h100(5);
  dated.from = kStart + kBucket;
  dated.to = kStart + 4 * kBucket;
  ASSERT_TRUE(keep_cost_rates(*database, {h100(8), dated}, kStart + 2 * kBucket, kStart + 7 * kBucket));
  EXPECT_THAT(*late_buckets(*database, 99), ElementsAre(LateBucket{kStart + 2 * kBucket, 1, "rates changed"},
                                                        LateBucket{kStart + 3 * kBucket, 1, "rates changed"}))
      << "before the oldest nothing can be corrected";
}

/// A device's quarter of an hour, with a price of 2 or without one.
std::vector<CostPosting> a_quarter(bool priced) {
  CostPosting out;
  out.subject.cluster = "c";
  out.subject.device_uuid = "GPU-1";
  out.amount = {priced ? 2 * fleet::kUnit : 0, kBucket, priced ? 0 : kBucket};
  return {out};
}

TEST_P(CostRatesKept, TheFirstRatesPriceWhatWasClosedWithout) {
  CostWriter writer(*database);
  EXPECT_THAT(*keep_cost_rates(*database, {}, 0, kStart), IsEmpty());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(*writer.close(kStart + i * kBucket, a_quarter(false), kStart + 4 * kBucket));
  ASSERT_TRUE(keep_cost_rates(*database, {h100(8)}, kStart + kBucket, kStart + 4 * kBucket));
  EXPECT_THAT(*late_buckets(*database, 99), ElementsAre(LateBucket{kStart + kBucket, 1, "rates changed"},
                                                        LateBucket{kStart + 2 * kBucket, 1, "rates changed"}));
}

TEST_P(CostRatesKept, TheFirstRatesLeaveWhatHasAPriceUnlessTheyAreForThePast) {
  CostWriter writer(*database);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(*writer.close(kStart + i * kBucket, a_quarter(i != 1), kStart + 5 * kBucket));
  auto dated = h100(5);
  dated.from = kStart + 3 * kBucket;
  ASSERT_TRUE(keep_cost_rates(*database, {h100(8), dated}, 0, kStart + 5 * kBucket));
  EXPECT_THAT(*late_buckets(*database, 99), ElementsAre(LateBucket{kStart + kBucket, 1, "rates changed"},
                                                        LateBucket{kStart + 3 * kBucket, 1, "rates changed"}));
}

TEST_P(CostRatesKept, PodsStayWhoseTheyWere) {
  const fleet::CostOwner a{"c", "ml", "a", "u1", "vision", "x", ""},
      b{"c", "ml", "b", "u2", "speech", "", "42", {{"app", "b"}}};
  ASSERT_TRUE(write_cost_pods(*database, {a, b}, 7));
  auto moved = a;
  moved.team = "speech";
  moved.labels = {{"app", "a"}, {"tier", "two\nlines"}};
  ASSERT_TRUE(write_cost_pods(*database, {moved}, 9));
  EXPECT_THAT(*cost_pods(*database), testing::UnorderedElementsAre(moved, b));
  ASSERT_TRUE(drop_cost_pods_before(*database, 9));
  EXPECT_THAT(*cost_pods(*database), ElementsAre(moved));
}

fleet::Remembered known_device() {
  fleet::Remembered out;
  out.cluster = "c";
  out.node = "w1";
  fleet::DeviceFacts facts;
  facts.uuid = "GPU-1";
  out.device.facts = std::make_shared<const fleet::DeviceFacts>(facts);
  return out;
}

TEST_P(CostRatesKept, NodesStayOfThePoolsThatTheyWereOf) {
  ASSERT_TRUE(write_device(*database, known_device()));
  const CostPlace first{"c", "w1", 5, "a", fleet::Purchase::Spot}, second{"c", "w1", 9, "b", fleet::Purchase::Reserved},
      gone{"c", "w2", 5, "a", fleet::Purchase::OnDemand};
  ASSERT_TRUE(write_cost_places(*database, {second, first, gone}));
  ASSERT_TRUE(write_cost_places(*database, {first}));
  EXPECT_THAT(*cost_places(*database), ElementsAre(first, second, gone));
  ASSERT_TRUE(drop_cost_places_before(*database, 5));
  EXPECT_THAT(*cost_places(*database), SizeIs(3));
  ASSERT_TRUE(drop_cost_places_before(*database, 8));
  EXPECT_THAT(*cost_places(*database), ElementsAre(first, second)) << "the first holds still; of w2 nothing is kept";
  ASSERT_TRUE(drop_cost_places_before(*database, 9));
  EXPECT_THAT(*cost_places(*database), ElementsAre(second));
}

TEST_P(CostRatesKept, SharesStayWhatTheyWere) {
  ASSERT_TRUE(write_device(*database, known_device()));
  const CostPart whole{"c", "GPU-1", std::nullopt}, instance{"c", "GPU-1", 3}, gone{"c", "GPU-2", std::nullopt};
  const CostShared first{whole, 5, 4}, second{whole, 9, 1}, other{instance, 6, 2};
  ASSERT_TRUE(write_cost_shared(*database, {other, second, first, {gone, 5, 2}}));
  EXPECT_THAT(*cost_shared(*database), ElementsAre(first, second, other, CostShared{gone, 5, 2}));
  const CostHeld held{{whole, "ml", "a", "u1"}, 2}, of_another{{instance, "ml", "a", "u1"}, 3};
  ASSERT_TRUE(write_cost_held(*database, {held, of_another}, 7));
  ASSERT_TRUE(write_cost_held(*database, {held}, 9));
  EXPECT_THAT(*cost_held(*database), testing::UnorderedElementsAre(held, of_another));
  ASSERT_TRUE(drop_cost_shares_before(*database, 9));
  EXPECT_THAT(*cost_shared(*database), ElementsAre(second, other));
  EXPECT_THAT(*cost_held(*database), ElementsAre(held));
}

INSTANTIATE_EACH_DATABASE(CostRatesKept);

}  // namespace
}  // namespace tessera::store
