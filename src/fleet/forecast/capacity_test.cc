#include "fleet/forecast/capacity.h"

#include <gtest/gtest.h>

namespace tessera::fleet::forecast {
namespace {

constexpr EpochMs kDay = 86'400'000, kEnd = 20'000 * kDay;
using Daily = std::vector<std::optional<double>>;

Daily line(std::size_t days, double first, double a_day) {
  Daily daily;
  for (std::size_t i = 0; i < days; ++i) daily.push_back(first + a_day * static_cast<double>(i));
  return daily;
}

TEST(Capacity, AStraightLineIsFullOnItsDay) {
  const Trend trend = *trend_of(line(30, 50, 1));  // 79 on the last day
  EXPECT_DOUBLE_EQ(trend.level, 79);
  EXPECT_DOUBLE_EQ(trend.a_day, 1);
  const Exhaustion full = exhaustion(trend, kEnd, 100);
  EXPECT_EQ(full.full, kEnd + 21 * kDay);
  EXPECT_EQ(full.earliest, full.full);
  EXPECT_EQ(full.latest, full.full);
  EXPECT_DOUBLE_EQ(capacity_for(trend, 30), 109);
}

TEST(Capacity, StrangeDaysDoNotTurnTheLine) {
  auto daily = line(30, 50, 1);
  daily[3] = 900;
  daily[20] = 0;
  daily[11].reset();
  const Trend trend = *trend_of(daily);
  EXPECT_NEAR(trend.a_day, 1, 0.01);
  EXPECT_NEAR(trend.level, 79, 0.2);
  EXPECT_EQ(trend.days, 29U);
  EXPECT_LE(trend.a_day_low, trend.a_day);
  EXPECT_GE(trend.a_day_high, trend.a_day);
}

TEST(Capacity, WhatIsNotReachedHasNoDate) {
  static constexpr struct {
    const char* what;
    double a_day, capacity;
    Outlook want;
  } kCases[] = {{"falling", -1, 100, Outlook::NoTrend},
                {"level", 0, 100, Outlook::NoTrend},
                {"in 299 days of 30 observed", 0.1, 82.8, Outlook::Dated},
                {"in more", 0.1, 83.9, Outlook::Beyond},
                {"full already", -1, 20, Outlook::Full},
                {"full, and it rises", 1, 70, Outlook::Full}};
  for (const auto& c : kCases) {
    const Exhaustion one = exhaustion(*trend_of(line(30, 50, c.a_day)), kEnd, c.capacity);
    EXPECT_EQ(one.outlook, c.want) << c.what;
    EXPECT_EQ(one.full.has_value(), c.want == Outlook::Dated || c.want == Outlook::Full) << c.what;
  }
  EXPECT_EQ(exhaustion(*trend_of(line(30, 50, 1)), kEnd, 70).full, kEnd);
}

TEST(Capacity, IsFullWhereWhatIsLeftIsTooLittleForAnything) {
  static constexpr struct {
    const char* what;
    double held, capacity, least;
    Outlook want;
  } kCases[] = {{"two of two, but for a moment", 1.999998, 2, 0.02, Outlook::Full},
                {"more than a hundredth is left", 1.97, 2, 0.02, Outlook::NoTrend},
                {"less than a slice", 6.9 / 7, 1, 1.0 / 7, Outlook::Full},
                {"a slice, which somebody may have", 5.0 / 8, 6.0 / 8, 1.0 / 8, Outlook::NoTrend},
                {"nothing that could be too little", 0, 0, 0, Outlook::Full}};
  for (const auto& c : kCases) {
    const Exhaustion one = exhaustion(*trend_of(line(30, c.held, 0)), kEnd, c.capacity, c.least);
    EXPECT_EQ(one.outlook, c.want) << c.what;
    EXPECT_EQ(one.full, c.want == Outlook::Full ? std::optional(kEnd) : std::nullopt) << c.what;
  }
}

TEST(Capacity, WhatGoesUpAndDownHasNoTrend) {
  Daily daily;
  for (std::size_t i = 0; i < 30; ++i) daily.push_back(50 + static_cast<double>(i * 7 % 11));
  const Trend trend = *trend_of(daily);
  EXPECT_LE(trend.a_day_low, 0);
  EXPECT_GE(trend.a_day_high, 0);
  const Exhaustion one = exhaustion(trend, kEnd, 100);
  EXPECT_EQ(one.outlook, Outlook::NoTrend);
  EXPECT_FALSE(one.full || one.earliest || one.latest);
}

TEST(Capacity, MoreLastsLonger) {
  const Trend trend = *trend_of(line(30, 50, 1));
  EXPECT_EQ(*exhaustion(trend, kEnd, 108).full, *exhaustion(trend, kEnd, 100).full + 8 * kDay);
}

TEST(Capacity, TwoWeeksAreTheLeast) {
  EXPECT_FALSE(trend_of(line(13, 1, 1)));
  auto daily = line(14, 1, 1);
  EXPECT_TRUE(trend_of(daily));
  daily[5].reset();
  EXPECT_EQ(trend_of(daily).error().what, "trend: too little history: 13 days, 14 needed");
}

TEST(Capacity, AProjectionAddsUp) {
  Forecast forecast;
  forecast.steps = {{10, 8, 13}, {20, 15, 26}, {30, 25, 40}};
  const auto sum = project(100, forecast, 0, 2);
  ASSERT_TRUE(sum);
  EXPECT_DOUBLE_EQ(sum->value, 130);
  EXPECT_DOUBLE_EQ(sum->low, 123);
  EXPECT_DOUBLE_EQ(sum->high, 139);
  EXPECT_DOUBLE_EQ(project(100, forecast, 0.5, 2.25)->value, 100 + 5 + 20 + 7.5) << "parts of steps";
  EXPECT_DOUBLE_EQ(project(100, forecast, 1.25, 1.5)->value, 105);
  EXPECT_DOUBLE_EQ(project(100, forecast, 2, 2)->value, 100);
  EXPECT_FALSE(project(100, forecast, 0, 4));
  EXPECT_FALSE(project(100, forecast, -1, 2));
}

TEST(Capacity, APatternHasMeanAndPeakOfWhatWasObserved) {
  const std::vector<std::optional<double>> history{1, 2, std::nullopt, 3, 6, std::nullopt};
  const std::size_t cell[] = {1, 2, 0, 1, 2, 0};
  const auto pattern = usage_pattern(history, cell, 3);
  EXPECT_FALSE(pattern[0]);
  EXPECT_DOUBLE_EQ(pattern[1]->mean, 2);
  EXPECT_DOUBLE_EQ(pattern[2]->mean, 4);
  EXPECT_DOUBLE_EQ(pattern[2]->peak, 6);
  EXPECT_EQ(pattern[2]->values, 2U);
}

}  // namespace
}  // namespace tessera::fleet::forecast
