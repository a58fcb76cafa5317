#include "fleet/forecast/methods.h"

#include <algorithm>
#include <cmath>

namespace tessera::fleet::forecast {
namespace {

constexpr Method kMethods[] = {
    {"naive", Needs::Value, Scale::AsIs, naive, Part::Always},
    {"mean of a day", Needs::Value, Scale::AsIs, mean_of_day, Part::LevelIsBest},
    {"mean of a week", Needs::Value, Scale::AsIs, mean_of_week, Part::LevelIsBest},
    {"exponential smoothing", Needs::Value, Scale::AsIs, exponential_smoothing, Part::BestOfLevels},
    {"damped Holt", Needs::Value, Scale::AsIs, damped_holt, Part::BestOfLevels},
    {"Theta", Needs::Value, Scale::AsIs, theta, Part::BestOfLevels},
    {"seasonal naive, day", Needs::TwoDays, Scale::AsIs, repeat_day, Part::Always},
    {"seasonal naive, week", Needs::TwoWeeks, Scale::AsIs, repeat_week, Part::Always},
    {"day profile and Theta", Needs::TwoDays, Scale::AsIs, day_profile_theta, Part::WithoutWeeks},
    {"week profile and Theta", Needs::TwoWeeks, Scale::Roots, week_profile_theta, Part::Always},
    {"week profile and level", Needs::TwoWeeks, Scale::Logarithms, week_profile_reverting, Part::Never},
    {"double seasonal smoothing", Needs::TwoWeeks, Scale::Logarithms, double_seasonal, Part::Always},
    {"regression on lags", Needs::TwoWeeks, Scale::Logarithms, lag_regression, Part::Always},
    {"analogues of a day", Needs::TwoDays, Scale::Roots, analogues_of_day, Part::Always},
    {"analogues of three days", Needs::TwoWeeks, Scale::AsIs, analogues_of_three_days, Part::Always},
};

struct Transform {
  double (*there)(double);
  double (*back)(double);
};

constexpr Transform kRoots{[](double value) { return std::sqrt(value); },
                           [](double value) { return value > 0 ? value * value : 0; }};
constexpr Transform kLogarithms{[](double value) { return std::log(value); },
                                [](double value) { return std::exp(value); }};

const Transform* transform_of(Scale scale, double least) {
  if (scale == Scale::Roots && least >= 0) return &kRoots;
  if (scale == Scale::Logarithms && least > 0) return &kLogarithms;
  return nullptr;
}

struct Range {
  double low, high;
};

/// Of what was known at each origin.
std::vector<Range> ranges_of(const Question& question) {
  std::vector<Range> ranges;
  Range range{question.history.front(), question.history.front()};
  std::size_t t = 0;
  for (const std::size_t origin : question.origins) {
    for (; t < origin; ++t)
      range = {std::min(range.low, question.history[t]), std::max(range.high, question.history[t])};
    ranges.push_back(range);
  }
  return ranges;
}

/// Origins that have the same scale.
Paths run_on(const Transform* transform, const Method& method, const Question& question,
             std::span<const Range> ranges) {
  if (!transform) return method.run(question);
  Values values(question.history.begin(), question.history.end());
  for (double& value : values) value = transform->there(value);
  Paths paths = method.run({values, question.origins, question.horizon, question.seasons});
  // Before the way back, because there a little too far is without bounds.
  for (std::size_t origin = 0; origin < paths.size(); ++origin) {
    const double low = transform->there(ranges[origin].low), high = transform->there(ranges[origin].high);
    for (double& value : paths[origin])
      value = transform->back(std::clamp(value, low - (high - low), high + (high - low)));
  }
  return paths;
}

}  // namespace

std::span<const Method> methods() { return kMethods; }

std::size_t needed(Needs needs, const Seasons& seasons) {
  switch (needs) {
    case Needs::Value:
      return 1;
    case Needs::TwoDays:
      return 2 * seasons.day;
    case Needs::TwoWeeks:
      return 2 * seasons.week;
  }
  return 1;
}

Paths run(const Method& method, const Question& question) {
  constexpr double kSpreads = 10;
  const auto& [history, origins, horizon, seasons] = question;
  const std::vector<Range> ranges = ranges_of(question);
  const auto transform_at = [&](std::size_t origin) { return transform_of(method.scale, ranges[origin].low); };
  Paths paths;
  for (std::size_t from = 0, to = 0; from < origins.size(); from = to) {
    const Transform* const transform = transform_at(from);
    while (to < origins.size() && transform_at(to) == transform) ++to;
    const Question part{history.first(origins[to - 1]), origins.subspan(from, to - from), horizon, seasons};
    for (Values& path : run_on(transform, method, part, std::span(ranges).subspan(from)))
      paths.push_back(std::move(path));
  }
  for (std::size_t origin = 0; origin < paths.size(); ++origin) {
    const auto [low, high] = ranges[origin];
    const double most = high + kSpreads * (high - low), least = low >= 0 ? 0 : low - kSpreads * (high - low);
    for (double& value : paths[origin]) value = std::clamp(value, least, most);
  }
  return paths;
}

}  // namespace tessera::fleet::forecast
