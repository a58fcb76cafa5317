#include "fleet/placement/policy.h"

#include <gtest/gtest.h>

#include "fleet/placement/baselines.h"
#include "fleet/placement/fragmentation.h"
#include "fleet/placement/test_fleet.h"

namespace tessera::fleet::placement {
namespace {

constexpr Request kShare{.cpu_milli = 4'000, .devices = 1, .device_milli = 500};
constexpr Request kOne{.cpu_milli = 12'000, .devices = 1, .device_milli = 1'000};
constexpr Request kCpuOnly{.cpu_milli = 4'000};

Room left(std::vector<std::uint16_t> milli, std::int64_t cpu_milli = 96'000) {
  Room room;
  room.cpu_milli = cpu_milli;
  room.devices = static_cast<std::uint8_t>(milli.size());
  std::ranges::copy(milli, room.milli.begin());
  return room;
}

TEST(PlacementPolicy, SaysWhichThereAreWhereItKnowsNone) {
  const auto policy = make_policy("fdg", {});
  ASSERT_FALSE(policy);
  EXPECT_THAT(policy.error().what, testing::HasSubstr("'fdg': no such policy; there are random"));
}

TEST(PlacementPolicy, DotProdIsOneLessHalfTheProducts) {
  // CPU 96 of 128 times 12 of 128, GPU 4 of 8 times 1 of 8: 1 - (0.0703 + 0.0625) / 2.
  EXPECT_EQ(make_dotprod()->offer(left({1000, 1000, 1000, 1000}), kOne).score, 93);
}

TEST(PlacementPolicy, BestFitIsOneLessHalfOfWhatIsLeft) {
  // CPU 84 of 128, GPU 3 of 8: 1 - (0.65625 + 0.375) / 2.
  EXPECT_EQ(make_bestfit()->offer(left({1000, 1000, 1000, 1000}), kOne).score, 48);
}

TEST(PlacementPolicy, BestFitGivesThePartOfTheDeviceThatHasLeastLeft) {
  EXPECT_EQ(make_bestfit()->offer(left({1000, 600, 500, 400}), kShare).devices, 0b0100);
}

TEST(PlacementPolicy, PackingPrefersSharedDevicesThenUsedNodesThenEmptyOnes) {
  const auto packing = make_packing();
  EXPECT_EQ(packing->offer(left({1000, 600, 0}), kShare).score, 94);     // 100 - 60 % / 10
  EXPECT_EQ(packing->offer(left({1000, 1000, 400}), kShare).score, 49);  // one device is opened
  EXPECT_EQ(packing->offer(left({1000, 1000, 1000}), kShare).score, 30);
  EXPECT_EQ(packing->offer(left({1000}), kCpuOnly).score, 0);
}

TEST(PlacementPolicy, ClusteringPrefersItsLikes) {
  const auto clustering = make_clustering();
  Room room = left({1000, 1000, 1000, 1000});
  EXPECT_EQ(clustering->offer(room, kShare).score, 25 + 12);  // 25 (8 - 4) / 8
  take(room, kShare, 1);
  EXPECT_EQ(clustering->offer(room, kShare).score, 75 + 14);
  EXPECT_EQ(clustering->offer(room, kOne).score, 0 + 14);
  take(room, kOne, 2);
  EXPECT_EQ(clustering->offer(room, kShare).score, 50 + 17);
  EXPECT_EQ(clustering->offer(room, kCpuOnly).score, 0);
}

TEST(PlacementPolicy, FragmentedIsWhatTypicalRequestsCannotUse) {
  const Mix typical = {{kShare, 0.5}, {kOne, 0.3}, {kCpuOnly, 0.2}};
  EXPECT_DOUBLE_EQ(fragmented_milli(left({1000, 400}), typical), 0.5 * 400 + 0.3 * 400 + 0.2 * 1400);
  EXPECT_DOUBLE_EQ(fragmented_milli(left({600, 400}), typical), 0.5 * 400 + 0.3 * 1000 + 0.2 * 1000);
  EXPECT_DOUBLE_EQ(fragmented_milli(left({1000}, 5'000), typical), 0.3 * 1000 + 0.2 * 1000) << "too little CPU for one";
  Room other = left({1000});
  other.model[0] = 1;
  EXPECT_DOUBLE_EQ(fragmented_milli(other, {{Request{.devices = 1, .device_milli = 500, .models = 0b01}, 1}}), 1000);
}

TEST(PlacementPolicy, FgdFillsTheHoleThatNobodyElseCanUse) {
  const auto fgd = make_fgd({{kShare, 0.5}, {kOne, 0.5}});
  const Room room = left({1000, 500});
  EXPECT_EQ(fgd->offer(room, kShare).devices, 0b10);
  // 250 milli less are fragmented: 100 / (1 + exp(-0.25)).
  EXPECT_EQ(fgd->offer(room, kShare).score, 56);
}

TEST(PlacementMix, TypicalAreTheMostFrequentUntilTheyAreEnough) {
  const Request small{.cpu_milli = 1'000, .memory_mib = 1, .devices = 1, .device_milli = 100};
  Request other_memory = small;
  other_memory.memory_mib = 2;
  const Mix mix = mix_of({{kOne, 50}, {small, 25}, {other_memory, 20}, {kCpuOnly, 5}});
  const Mix kept = typical(mix, 0.95);
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].request, kOne);
  EXPECT_EQ(kept[1].request.memory_mib, 0) << "the two that differ by memory alone count as one";
  EXPECT_DOUBLE_EQ(kept[0].share, 50.0 / 95);
}

TEST(PlacementRequest, RefusesPartsOfSeveralDevices) {
  EXPECT_TRUE(check(kShare));
  EXPECT_TRUE(check(kCpuOnly));
  EXPECT_FALSE(check({.devices = 2, .device_milli = 500}));
  EXPECT_FALSE(check({.devices = 1, .device_milli = 1001}));
  EXPECT_FALSE(check({.devices = 1, .device_milli = 0}));
  EXPECT_FALSE(check({.cpu_milli = -1}));
}

TEST(PlacementModels, HaveNumbersUntilThereAreSixtyFour) {
  ModelNumbers models;
  for (int i = 0; i < 64; ++i) EXPECT_EQ(*models.number(fmt::format("model {}", i)), i);
  EXPECT_EQ(*models.number("model 7"), 7);
  EXPECT_FALSE(models.number("one more"));
}

}  // namespace
}  // namespace tessera::fleet::placement
