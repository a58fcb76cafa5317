#include "fleet/serving/counter.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;

struct Sample {
  EpochMs at;  ///< seconds
  double value;
};

std::optional<Increase> after(const std::vector<Sample>& samples) {
  WindowCounter counter;
  for (const auto& one : samples) counter.add(kStart + one.at * 1000, one.value);
  return counter.increase();
}

TEST(WindowCounter, GrowsByItsStepsAndByAllOfANewOne) {
  const struct {
    std::vector<Sample> samples;
    double amount, seconds;
  } kCases[] = {
      {{{0, 100}, {30, 130}}, 30, 30},
      {{{0, 100}, {30, 130}, {60, 130}}, 30, 60},
      {{{0, 100}, {30, 130}, {60, 20}, {90, 25}}, 55, 90},  // it began anew between 30 and 60
      {{{0, 5}, {30, 0}, {60, 4}}, 4, 60},
      {{{0, 1}, {60, 2}, {120, 3}, {180, 4}, {240, 5}, {300, 6}, {360, 7}, {420, 8}}, 5, 300},
      {{{0, 1}, {10, 2}, {20, 3}}, 2, 20},
  };
  for (const auto& c : kCases) {
    const auto grown = after(c.samples);
    ASSERT_TRUE(grown) << c.samples.size();
    EXPECT_DOUBLE_EQ(grown->amount, c.amount) << c.samples.size();
    EXPECT_DOUBLE_EQ(grown->seconds, c.seconds) << c.samples.size();
  }
}

TEST(WindowCounter, IsNotKnownFromOneSampleOrAcrossAGap) {
  EXPECT_FALSE(after({}));
  EXPECT_FALSE(after({{0, 100}}));
  EXPECT_FALSE(after({{0, 100}, {3600, 900}})) << "an hour's growth is none of the last minutes";
  const auto after_gap = after({{0, 100}, {3600, 900}, {3630, 960}});
  ASSERT_TRUE(after_gap);
  EXPECT_EQ(after_gap->amount, 60);
  EXPECT_EQ(after_gap->seconds, 30);
}

TEST(WindowCounter, SpansTheWindowHoweverOftenItIsAsked) {
  WindowCounter counter;
  for (int i = 0; i <= 1000; ++i) counter.add(kStart + i * 1000, i * 2.0);
  const auto grown = counter.increase();
  ASSERT_TRUE(grown);
  EXPECT_GE(grown->seconds, 240);
  EXPECT_LE(grown->seconds, 300);
  EXPECT_DOUBLE_EQ(grown->amount / grown->seconds, 2);
}

}  // namespace
}  // namespace tessera::fleet
