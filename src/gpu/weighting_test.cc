#include "gpu/weighting.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace tessera::gpu {
namespace {

constexpr double kExact = 1e-12;

struct Case {
  std::string_view what;
  std::vector<Share> shares;
  double whole;
  double allocated;
  double device;
};

TEST(Weighting, HasTheCheckValues) {
  static const Case kCases[] = {
      {"1g 2g 1g of 7", {{0.9, 1}, {0.6, 2}, {0.8, 1}}, 7, 0.725, 2.9 / 7},
      {"1g 1g 2g 1g of 7", {{0.9, 1}, {0.8, 1}, {0.6, 2}, {0.7, 1}}, 7, 0.72, 3.6 / 7},
      {"3g 2g 2g, all of 7", {{0.95, 3}, {0.7, 2}, {0.85, 2}}, 7, 0.85, 0.85},
      {"1g 2g 1g by SM on 132", {{0.9, 16}, {0.6, 32}, {0.8, 16}}, 132, 0.725, 46.4 / 132},
      {"3g 2g 2g by SM on 132", {{0.95, 60}, {0.7, 32}, {0.85, 32}}, 132, 106.6 / 124, 106.6 / 132},
      {"1g 2g of 4", {{1.0, 1}, {0.5, 2}}, 4, 2.0 / 3, 0.5},
      {"one whole device", {{0.3, 7}}, 7, 0.3, 0.3},
  };
  for (const auto& c : kCases) {
    EXPECT_NEAR(allocated_mean(c.shares)->ratio, c.allocated, kExact) << c.what;
    EXPECT_NEAR(device_mean(c.shares, c.whole)->ratio, c.device, kExact) << c.what;
    EXPECT_EQ(allocated_mean(c.shares)->coverage, 1) << c.what;
    EXPECT_EQ(device_mean(c.shares, c.whole)->coverage, 1) << c.what;
  }
  EXPECT_NEAR(allocated_mean(kCases[0].shares)->ratio, 0.725, 0.0005);
  EXPECT_NEAR(device_mean(kCases[0].shares, 7)->ratio, 0.414, 0.0005);
  EXPECT_NEAR(device_mean(kCases[1].shares, 7)->ratio, 0.514, 0.0005);
}

TEST(Weighting, LeavesOutWhatIsNotKnown) {
  const std::vector<Share> shares = {{0.9, 1}, {std::nullopt, 2}, {0.6, 1}};
  EXPECT_NEAR(allocated_mean(shares)->ratio, 0.75, kExact);
  EXPECT_NEAR(allocated_mean(shares)->coverage, 0.5, kExact);
  EXPECT_NEAR(device_mean(shares, 7)->ratio, 1.5 / 5, kExact);
  EXPECT_NEAR(device_mean(shares, 7)->coverage, 5.0 / 7, kExact);
  const std::vector<Share> not_a_number = {{std::nan(""), 2}, {0.5, 1}};
  EXPECT_NEAR(allocated_mean(not_a_number)->coverage, 1.0 / 3, kExact);
}

TEST(Weighting, IsAbsentWhereNothingIsKnown) {
  const std::vector<Share> unknown = {{std::nullopt, 1}, {std::nullopt, 3}};
  EXPECT_EQ(allocated_mean(unknown), std::nullopt);
  EXPECT_EQ(device_mean(unknown, 7), std::nullopt);
  EXPECT_EQ(allocated_mean({}), std::nullopt);
  EXPECT_EQ(device_mean({}, 0), std::nullopt);
  EXPECT_EQ(device_mean({}, 7), (Mean{0, 1, 0}));  // no instance: nothing can run
}

TEST(Weighting, ClampsAndCounts) {
  const std::vector<Share> shares = {{1.294, 1}, {-0.5, 1}, {0.5, 2}};
  EXPECT_EQ(allocated_mean(shares), (Mean{0.5, 1, 2}));
  EXPECT_EQ(device_mean(shares, 4), (Mean{0.5, 1, 2}));
}

// device = allocated * (sum of weights) / whole, between the known weights if some are unknown; and both stay in 0..1.
TEST(Weighting, KeepsTheIdentity) {
  std::mt19937 random(7);  // NOLINT: a fixed seed, so that a failure comes again
  std::uniform_real_distribution<double> ratio(0, 1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<Share> shares(1 + random() % 7);
    double known = 0;
    double unknown = 0;
    for (auto& share : shares) {
      share.weight = static_cast<double>(1 + random() % 60);
      if (random() % 5 != 0) share.utilization = ratio(random);
      (share.utilization ? known : unknown) += share.weight;
    }
    const double whole = known + unknown + static_cast<double>(random() % 50);
    const auto allocated = allocated_mean(shares);
    const auto device = device_mean(shares, whole);
    ASSERT_EQ(allocated.has_value(), known > 0);
    ASSERT_EQ(device.has_value(), known > 0);
    if (!allocated) continue;
    EXPECT_NEAR(device->ratio, allocated->ratio * known / (whole - unknown), kExact);
    EXPECT_GE(allocated->ratio, 0);
    EXPECT_LE(allocated->ratio, 1 + kExact);
    EXPECT_LE(device->ratio, allocated->ratio + kExact);
    EXPECT_NEAR(allocated->coverage, known / (known + unknown), kExact);
  }
}

Instance instance(unsigned gi, unsigned ci, unsigned slices, std::optional<unsigned> sm, std::optional<double> active) {
  Instance out;
  out.gpu_instance = gi;
  out.compute_instance = ci;
  out.compute_slices = slices;
  out.sm_count = sm;
  if (active) out.readings.set(Reading::GraphicsEngineActiveRatio, *active);
  return out;
}

TEST(Shares, TakesTheWeightOfTheComputeInstance) {
  Device device;
  device.compute_slices = 7;
  device.sm_count = 132;
  // Two compute instances of one 3g and a whole 1g: three slices weigh three, though they are two of one GPU instance.
  device.instances = {instance(1, 0, 1, 16, 0.9), instance(1, 1, 2, 32, 0.6), instance(9, 0, 1, 16, 0.8)};
  const auto by_slices = shares(device, Weight::ComputeSlices, Reading::GraphicsEngineActiveRatio);
  ASSERT_TRUE(by_slices);
  EXPECT_NEAR(allocated_mean(*by_slices)->ratio, 0.725, kExact);
  EXPECT_NEAR(device_mean(*by_slices, *whole_weight(device, Weight::ComputeSlices))->ratio, 2.9 / 7, kExact);
  const auto by_sm = shares(device, Weight::Sm, Reading::GraphicsEngineActiveRatio);
  ASSERT_TRUE(by_sm);
  EXPECT_NEAR(device_mean(*by_sm, *whole_weight(device, Weight::Sm))->ratio, 46.4 / 132, kExact);
}

TEST(Shares, IsAbsentWithoutWeights) {
  Device device;
  device.instances = {instance(1, 0, 1, 16, 0.9), instance(2, 0, 1, std::nullopt, 0.9)};
  EXPECT_FALSE(shares(device, Weight::Sm, Reading::GraphicsEngineActiveRatio));
  EXPECT_FALSE(whole_weight(device, Weight::Sm));
  EXPECT_TRUE(shares(device, Weight::ComputeSlices, Reading::GraphicsEngineActiveRatio));
  const auto no_reading = shares(device, Weight::ComputeSlices, Reading::SmActiveRatio);
  EXPECT_FALSE(allocated_mean(*no_reading));
  EXPECT_EQ(weight_name(Weight::Sm), "sm");
  EXPECT_EQ(weight_name(Weight::ComputeSlices), "compute_slices");
}

}  // namespace
}  // namespace tessera::gpu
