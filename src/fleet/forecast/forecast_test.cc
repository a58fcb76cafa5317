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
  // What comes after an origin may be no number that its scale takes, or far out of its bounds.
  auto calm = busy(744, 12), zero = calm, negative = calm, jump = calm, falling = calm;
  zero[650] = 0;
  negative[650] = -5;
  jump[650] = 1e6;
  for (std::size_t t = 0; t < 744; ++t) falling[t] = 1e4 * std::pow(0.98, static_cast<double>(t));
  const std::size_t early[] = {600}, all[] = {600, 640, 744};
  for (const Values& values : {calm, zero, negative, jump, falling})
    for (const Method& method : methods()) {
      const Question alone{std::span(values).first(600), early, 48, {}}, with_future{values, all, 48, {}};
      const Paths paths = run(method, with_future);
      ASSERT_EQ(paths.size(), 3U);
      EXPECT_EQ(run(method, alone).front(), paths.front()) << method.name;
    }
}

double error_of(const Forecast& forecast, std::string_view method) {
  const auto found = std::ranges::find(forecast.methods, method, &Judged::name);
  return found == forecast.methods.end() ? -1 : found->error;
}

/// Days that are all alike but for their noise, so that no stretch of it is harder than another.
Values days_alike(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal(0, 2);
  Values values;
  for (std::size_t t = 0; t < n; ++t)
    values.push_back(60 + 30 * std::sin(static_cast<double>(t % 24) / 24 * 2 * std::numbers::pi) + normal(random));
  return values;
}

/// The errors of series with a gap as a part of those of the same series without: medians of the combination and of
/// whoever repeats the day.
std::pair<double, double> errors_beside_whole(std::size_t from, std::size_t to) {
  constexpr std::string_view kDay = "seasonal naive, day";
  Values together, day;
  for (unsigned seed = 20; seed < 29; ++seed) {
    auto history = history_of(days_alike(744, seed));
    const auto whole = forecast(history);
    for (std::size_t t = from; t < to; ++t) history[t].reset();
    const auto made = forecast(history);
    if (!whole || !made) return {};
    expect_sound(*made, 48);
    together.push_back(made->error / whole->error);
    day.push_back(error_of(*made, kDay) / error_of(*whole, kDay));
  }
  const auto middle = static_cast<std::ptrdiff_t>(day.size() / 2);
  std::ranges::nth_element(together, together.begin() + middle);
  std::ranges::nth_element(day, day.begin() + middle);
  return {together[4], day[4]};
}

TEST(Forecast, WhatNobodyObservedIsNoHit) {
  const auto [together, day] = errors_beside_whole(600, 680);
  EXPECT_NEAR(together, 1, 0.2) << "80 of the 192 judged values are missing, the others are as hard as before";
  EXPECT_NEAR(day, 1, 0.15) << "what a gap is filled with is no hit of who repeats the day";
}

TEST(Forecast, FromAGapAtTheEndItGoesOnFromTheLastValue) {
  EXPECT_NEAR(errors_beside_whole(724, 744).second, 1, 0.15);
  const auto values = busy(792, 30);
  auto behind = history_of({values.begin(), values.begin() + 724});
  const auto farther = forecast(behind, {.horizon = 68});
  behind.resize(744);
  const auto made = forecast(behind);
  ASSERT_TRUE(made && farther);
  EXPECT_EQ(made->filled, 0U);
  EXPECT_EQ(made->judged_steps, farther->judged_steps - 20);
  for (std::size_t i = 0; i < 48; ++i) {
    EXPECT_NEAR(made->steps[i].value, farther->steps[i + 20].value, 1) << "what weighs is where it is wanted";
    EXPECT_NEAR(made->steps[i].value, values[744 + i], 12);
  }
}

TEST(Forecast, SaysWhereTooLittleWasObservedToJudgeOn) {
  auto behind = history_of(busy(744, 31)), between = behind;
  for (std::size_t t = 552; t < 744; ++t) behind[t].reset();
  for (std::size_t t = 560; t < 740; ++t) between[t].reset();
  const auto after = forecast(behind), within = forecast(between);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::Unavailable);
  EXPECT_EQ(after.error().what,
            "forecast: the newest 192 values are missing: forecasts from before them can be judged up to 54 steps");
  ASSERT_FALSE(within);
  EXPECT_EQ(within.error().code, Code::Unavailable);
  EXPECT_EQ(within.error().what, "forecast: too little to be judged on: 12 of 192 values are known, half needed");
}

/// As jobs come and go: a level that stays for some hours, and then is another one.
Values levels(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  Values values;
  double level = 20;
  while (values.size() < n) {
    level = std::max(4.0, level + static_cast<double>(random() % 17) - 8);
    for (auto hours = 20 + random() % 60; hours-- > 0;) values.push_back(level + static_cast<double>(random() % 3));
  }
  values.resize(n);
  return values;
}

double weight_of(const Forecast& forecast, std::string_view method) {
  const auto found = std::ranges::find(forecast.methods, method, &Judged::name);
  return found == forecast.methods.end() ? 0 : found->weight;
}

TEST(Forecast, LevelsAreAskedWhereNoSeasonHelps) {
  std::size_t means = 0, smoothed = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const auto jobs = forecast(history_of(levels(744, seed))), people = forecast(history_of(busy(744, seed)));
    ASSERT_TRUE(jobs && people);
    expect_sound(*jobs, 48);
    means += weight_of(*jobs, "mean of a day") > 0;
    smoothed +=
        weight_of(*jobs, "exponential smoothing") + weight_of(*jobs, "damped Holt") + weight_of(*jobs, "Theta") > 0;
    for (const auto* level : {"mean of a day", "mean of a week", "exponential smoothing", "damped Holt", "Theta"})
      EXPECT_EQ(error_of(*people, level), -1) << level << " is not even asked where people make the rhythm";
  }
  EXPECT_GT(means, 5U);
  EXPECT_GT(smoothed, 0U);
}

TEST(Forecast, BeforeTwoWeeksTheProfileOfADayIsAsked) {
  const auto young = forecast(history_of(busy(240, 1))), old = forecast(history_of(busy(744, 1)));
  ASSERT_TRUE(young && old);
  EXPECT_GT(weight_of(*young, "day profile and Theta"), 0);
  EXPECT_EQ(error_of(*old, "day profile and Theta"), -1);
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

TEST(Errors, CountWhatIsJudgedAlone) {
  Errors errors(2, 2, 4);
  for (const std::size_t step : {0U, 1U}) {
    errors.judge(0, 0, step, 1);
    errors.judge(1, 0, step, 2);
  }
  errors.judge(0, 1, 3, 4);
  errors.judge(1, 1, 3, 2);
  EXPECT_DOUBLE_EQ(errors.mean(0), 2);
  EXPECT_DOUBLE_EQ(errors.mean(1), 2);
  EXPECT_EQ(errors.weights(0, 2, {true, true}), (Values{1, 0.25}));
  EXPECT_EQ(errors.weights(0, 2, {true, true}, 0), (Values{0.25, 1}))
      << "the other origin has none of these steps: all it has count";
  EXPECT_EQ(errors.weights(2, 3, {true, true}), (Values{1, 1})) << "nor has any: over all of them both are as good";
}

TEST(Errors, GiveNoWeightToWhoTakesNoPart) {
  Errors errors(2, 1, 1);
  errors.judge(0, 0, 0, 1);
  errors.judge(1, 0, 0, 10);
  EXPECT_EQ(errors.weights(0, 1, {true, true}), (Values{1, 0}));
  EXPECT_EQ(errors.weights(0, 1, {false, true}), (Values{0, 1})) << "the best of those that do";
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
