#include "nvml/rate.h"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

TEST(Rate, IsTheDifferencePerSecond) {
  const SteadyTime start{};
  Rate rate;
  EXPECT_EQ(rate.update(1000, start), std::nullopt);
  EXPECT_EQ(rate.update(3000, start + 2s), 1000);
  EXPECT_EQ(rate.update(3000, start + 4s), 0);
}

TEST(Rate, HasNoneForOneRoundAfterACounterWentBack) {
  const SteadyTime start{};
  Rate rate;
  rate.update(5000, start);
  EXPECT_EQ(rate.update(10, start + 1s), std::nullopt);
  EXPECT_EQ(rate.update(30, start + 2s), 20);
}

TEST(Rate, GivesTheLastOneWithinTheLeastWindow) {
  const SteadyTime start{};
  Rate rate;
  rate.update(0, start);
  EXPECT_EQ(rate.update(50, start + 99ms), std::nullopt);
  EXPECT_EQ(rate.update(100, start + 1s), 100) << "the window began at the first look, not at the one too soon";
  EXPECT_EQ(rate.update(1000, start + 1s + 50ms), 100);
}

}  // namespace
}  // namespace tessera::nvml
