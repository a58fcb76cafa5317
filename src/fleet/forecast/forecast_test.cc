#include "fleet/forecast/forecast.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <random>

#include "fleet/forecast/combine.h"

namespace tessera::fleet::forecast {
namespace {

using History = std::vector<std::optional<double>>;

/// Days and weekends, a trend and noise, the same for the same seed.
Values busy(std::size_t n, unsigned seed, double noise = 2) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, noise);
  Values values;
  for (std::size_t t = 0; t < n; ++t) {
    const double hour = static_cast<double>(t % 24), weekend = t % 168 >= 120 ? 0.5 : 1;
    values.push_back(60 + 0.01 * static_cast<double>(t) + 30 * weekend * std::sin(hour / 24 * 2 * std::numbers::pi) +
                     normal(random));
  }
  return values;
}

History history_of(const Values& values) { return {values.begin(), values.end()}; }

void expect_sound(const Forecast& forecast, std::size_t horizon) {
  ASSERT_EQ(forecast.steps.size(), horizon);
  for (const Step& step : forecast.steps) {
    EXPECT_TRUE(std::isfinite(step.value) && std::isfinite(step.low) && std::isfinite(step.high));
    EXPECT_LE(step.low, step.value);
    EXPECT_LE(step.value, step.high);
  }
  EXPECT_TRUE(std::isfinite(forecast.error));
  double weight = 0;
  for (const Judged& one : forecast.methods) weight += one.weight;
  EXPECT_NEAR(weight, 1, 1e-9);
}

TEST(Forecast, EveryShapeOfSeriesHasSoundNumbers) {
  std::mt19937 random(3);
  Values spiky(744), sparse(744), negative = busy(744, 5), tiny = busy(744, 6), huge = busy(744, 7), step(744, 4.0),
                                  walk(744);
  for (double& value : spiky) value = random() % 50 == 0 ? 1e6 : 1;
  for (double& value : sparse) value = random() % 5 == 0 ? static_cast<double>(random() % 8) : 0;
  for (double& value : negative) value -= 100;
  for (double& value : tiny) value *= 1e-90;
  for (double& value : huge) value *= 1e90;
  for (std::size_t t = 600; t < 744; ++t) step[t] = 0;
  for (std::size_t t = 1; t < 744; ++t) walk[t] = walk[t - 1] + static_cast<double>(random() % 3) - 1;
  const struct {
    const char* name;
    Values values;
  } kSeries[] = {{"busy", busy(744, 1)},
                 {"constant", Values(744, 7.0)},
                 {"zeros", Values(744, 0.0)},
                 {"spiky", spiky},
                 {"sparse", sparse},
                 {"negative", negative},
                 {"tiny", tiny},
                 {"huge", huge},
                 {"step", step},
                 {"walk", walk},
                 {"four days", busy(96, 2)},
                 {"two weeks", busy(336, 2)}};
  for (const auto& [name, values] : kSeries)
    for (const std::size_t horizon : {1UL, 24UL, 48UL, 720UL}) {
      SCOPED_TRACE(fmt::format("{}, {} steps", name, horizon));
      const auto made = forecast(history_of(values), {.horizon = horizon});
      ASSERT_TRUE(made) << made.error().what;
      expect_sound(*made, horizon);
    }
}

TEST(Forecast, EveryMethodIsSoundOnEveryShape) {
  std::mt19937 random(4);
  Values sparse(400);
  for (double& value : sparse) value = random() % 5 == 0 ? 3 : 0;
  for (const Method& method : methods())
    for (const Values& values : {busy(400, 1), Values(400, 0.0), Values(400, 7.0), sparse}) {
      const auto path = forecast_by(method, history_of(values), {.horizon = 100});
      ASSERT_TRUE(path) << path.error().what;
      ASSERT_EQ(path->size(), 100U) << method.name;
      for (const double value : *path) EXPECT_TRUE(std::isfinite(value)) << method.name;
    }
}

TEST(Forecast, ConstantsGoOn) {
  for (const double constant : {0.0, 7.0, -3.0}) {
    const auto made = forecast(history_of(Values(744, constant)));
    ASSERT_TRUE(made);
    for (const Step& step : made->steps) {
      EXPECT_NEAR(step.value, constant, 1e-9);
      EXPECT_NEAR(step.high - step.low, 0, 1e-9);
    }
    EXPECT_NEAR(made->error, 0, 1e-9);
    EXPECT_FALSE(made->scaled) << "repeating the day is never off: nothing can be a part of that";
  }
}

TEST(Forecast, AWeekThatRepeatsIsForecastExactly) {
  const auto values = busy(168, 1);
  Values weeks;
  for (std::size_t t = 0; t < 744; ++t) weeks.push_back(values[t % 168]);
  const auto made = forecast(history_of(weeks));
  ASSERT_TRUE(made);
  for (std::size_t i = 0; i < 48; ++i) EXPECT_NEAR(made->steps[i].value, values[(744 + i) % 168], 1e-9);
  EXPECT_EQ(made->methods.front().name, "seasonal naive, week");
}

TEST(Forecast, TheUnitMakesNoDifference) {
  const auto values = busy(744, 8);
  auto scaled = values;
  for (double& value : scaled) value *= 1000;
  const auto one = forecast(history_of(values)), other = forecast(history_of(scaled));
  ASSERT_TRUE(one && other);
  for (std::size_t i = 0; i < 48; ++i) {
    EXPECT_NEAR(other->steps[i].value, 1000 * one->steps[i].value, 1e-3);
    EXPECT_NEAR(other->steps[i].high, 1000 * one->steps[i].high, 1e-3);
  }
  EXPECT_NEAR(*other->scaled, *one->scaled, 1e-6);
}

TEST(Forecast, WhatIsBelowZeroMovesWithItsLevel) {
  // No roots and no logarithms there, so that every method must move along.
  auto values = busy(744, 9);
  for (double& value : values) value -= 1000;
  auto lower = values;
  for (double& value : lower) value -= 500;
  const auto one = forecast(history_of(values)), other = forecast(history_of(lower));
  ASSERT_TRUE(one && other);
  for (std::size_t i = 0; i < 48; ++i) EXPECT_NEAR(other->steps[i].value, one->steps[i].value - 500, 1e-3);
}

TEST(Forecast, NothingGoesBelowZeroThatNeverWas) {
  Values falling(744);
  for (std::size_t t = 0; t < 744; ++t) falling[t] = std::max(0.0, 700.0 - static_cast<double>(t));
  const auto made = forecast(history_of(falling));
  ASSERT_TRUE(made);
  for (const Step& step : made->steps) EXPECT_GE(step.low, 0);
}

TEST(Forecast, TheIntervalHoldsWhatItSays) {
  std::size_t within = 0, all = 0;
  for (unsigned seed = 0; seed < 40; ++seed) {
    const auto values = busy(792, seed, 5);
    const auto made = forecast(history_of({values.begin(), values.end() - 48}), {.coverage = 0.8});
    ASSERT_TRUE(made);
    for (std::size_t i = 0; i < 48; ++i, ++all)
      within += values[744 + i] >= made->steps[i].low && values[744 + i] <= made->steps[i].high;
  }
  EXPECT_NEAR(static_cast<double>(within) / static_cast<double>(all), 0.8, 0.06);
}

TEST(Forecast, TheErrorIsThatOfForecastsThatWereNotTold) {
  // An unforeseeable series: whoever looked ahead would be off by less than its noise.
  std::mt19937 random(11);
  std::normal_distribution<double> normal(0, 1);
  Values noise(744);
  for (double& value : noise) value = normal(random);
  const auto made = forecast(history_of(noise));
  ASSERT_TRUE(made);
  EXPECT_GT(made->error, 0.75) << "the mean absolute deviation of the noise is 0.8";
}

TEST(Forecast, TheFutureChangesNoPath) {
  auto values = busy(744, 12);
  const std::size_t early[] = {600}, both[] = {600, 744};
  for (const Method& method : methods()) {
    const Question alone{std::span(values).first(600), early, 48, {}}, with_future{values, both, 48, {}};
    EXPECT_EQ(run(method, alone).front(), run(method, with_future).front()) << method.name;
  }
}

TEST(Forecast, GapsAreFilledAndTold) {
  const auto values = busy(744, 13);
  auto history = history_of(values);
  history.insert(history.begin(), 100, std::nullopt);  // before the first value there is no gap
  for (std::size_t t = 300; t < 340; ++t) history[t].reset();
  const auto made = forecast(history), whole = forecast(history_of(values));
  ASSERT_TRUE(made && whole);
  EXPECT_EQ(made->filled, 40U);
  for (std::size_t i = 0; i < 48; ++i) EXPECT_NEAR(made->steps[i].value, whole->steps[i].value, 8);
}

TEST(Forecast, RefusesWhatItCannotJudge) {
  auto infinite = history_of(busy(744, 1)), holes = infinite;
  infinite[5] = std::numeric_limits<double>::infinity();
  for (std::size_t t = 1; t < 744; t += 2) holes[t].reset();
  const struct {
    const char* what;
    History history;
    Options options;
    Code code;
  } kCases[] = {{"nothing", {}, {}, Code::Unavailable},
                {"nothing observed", History(744), {}, Code::Unavailable},
                {"four days but one hour", history_of(busy(95, 1)), {}, Code::Unavailable},
                {"more than a third missing", holes, {}, Code::Unavailable},
                {"no number", infinite, {}, Code::Invalid},
                {"too large to square", {744, 1e200}, {}, Code::Invalid},
                {"no horizon", history_of(busy(744, 1)), {.horizon = 0}, Code::Invalid},
                {"no coverage", history_of(busy(744, 1)), {.coverage = 1}, Code::Invalid},
                {"seasons that do not fit", history_of(busy(744, 1)), {.seasons = {24, 100}}, Code::Invalid}};
  for (const auto& c : kCases) {
    const auto made = forecast(c.history, c.options);
    ASSERT_FALSE(made) << c.what;
    EXPECT_EQ(made.error().code, c.code) << c.what << ": " << made.error().what;
  }
  EXPECT_EQ(forecast(history_of(busy(95, 1))).error().what,
            "forecast: too little history: 95 values, 96 needed (72 to learn from, 24 to be judged on)");
}

TEST(Forecast, WithoutASeasonOnlyLevelsAreAsked) {
  Values line(60);
  for (std::size_t t = 0; t < 60; ++t) line[t] = 10 + 2 * static_cast<double>(t % 3);
  const auto made = forecast(history_of(line), {.horizon = 6, .seasons = {1, 1}});
  ASSERT_TRUE(made) << made.error().what;
  expect_sound(*made, 6);
}

TEST(Forecast, LateStepsAreWidenedNotJudged) {
  const auto made = forecast(history_of(busy(744, 14)), {.horizon = 720});
  ASSERT_TRUE(made);
  EXPECT_LT(made->judged_steps, 720U);
  const auto width = [&](std::size_t i) { return made->steps[i].high - made->steps[i].value; };
  EXPECT_GT(width(719), 1.5 * width(made->judged_steps - 1));
}

TEST(WeightedMedian, IsWorkedOutByHand) {
  const struct {
    std::vector<Weighted> values;
    double want;
  } kCases[] = {{{{5, 1}}, 5},
                {{{1, 1}, {3, 1}}, 2},
                {{{9, 1}, {1, 1}, {2, 1}}, 2},
                {{{1, 1}, {2, 1}, {1e9, 1}}, 2},  // how far out is no matter
                {{{1, 3}, {2, 1}}, 1.25},
                {{{1, 0}, {4, 1}}, 4}};
  for (auto [values, want] : kCases) EXPECT_DOUBLE_EQ(weighted_median(values), want);
}

}  // namespace
}  // namespace tessera::fleet::forecast
