#include "fleet/forecast/level.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "fleet/forecast/methods.h"

namespace tessera::fleet::forecast {
namespace {

double mean_of_last(std::span<const double> values, std::size_t window) {
  const auto last = values.last(std::min(window, values.size()));
  return std::accumulate(last.begin(), last.end(), 0.0) / static_cast<double>(last.size());
}

template <class Line>
Paths from_each_origin(const Question& question, Line line) {
  Paths paths;
  for (const std::size_t origin : question.origins) paths.push_back(line(question.history.first(origin)));
  return paths;
}

struct Holt {
  double level_factor, trend_factor, damping;
};

struct HoltState {
  double level = 0, trend = 0, squares = 0;
};

HoltState run(const Holt& holt, std::span<const double> values) {
  HoltState state{values.front()};
  for (const double value : values) {
    const double step = holt.damping * state.trend;
    const double off = value - state.level - step;
    state.squares += off * off;
    state.level += step + holt.level_factor * off;
    state.trend = step + holt.level_factor * holt.trend_factor * off;
  }
  return state;
}

}  // namespace

Smoothed smooth(std::span<const double> values) {
  // All factors in one pass: eight independent sums keep the processor busy where one would wait for itself.
  static constexpr double kFactors[] = {0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9};
  constexpr std::size_t kCount = std::size(kFactors);
  double level[kCount], squares[kCount] = {};
  std::ranges::fill(level, values.front());
  for (const double value : values)
    for (std::size_t i = 0; i < kCount; ++i) {
      const double off = value - level[i];
      squares[i] += off * off;
      level[i] += kFactors[i] * off;
    }
  const auto best = static_cast<std::size_t>(std::ranges::min_element(squares) - squares);
  return {level[best], kFactors[best]};
}

Values theta_line(std::span<const double> values, std::size_t horizon) {
  const auto n = static_cast<double>(values.size());
  const auto [level, factor] = smooth(values);
  const double middle = (n - 1) / 2, mean = mean_of_last(values, values.size());
  double products = 0, squares = 0;
  for (std::size_t t = 0; t < values.size(); ++t) {
    const double from_middle = static_cast<double>(t) - middle;
    products += from_middle * (values[t] - mean);
    squares += from_middle * from_middle;
  }
  const double drift = squares > 0 ? products / squares / 2 : 0;
  const double behind = (1 - std::pow(1 - factor, n)) / factor;  // by how many steps smoothing lags a straight line
  Values line(horizon);
  for (std::size_t step = 0; step < horizon; ++step) line[step] = level + drift * (static_cast<double>(step) + behind);
  return line;
}

Values reverting_line(std::span<const double> values, std::size_t horizon, std::size_t window, double half_life) {
  const double mean = mean_of_last(values, window), keep = std::exp2(-1 / half_life);
  Values line(horizon);
  double away = values.back() - mean;
  for (double& value : line) value = mean + (away *= keep);
  return line;
}

Values damped_line(std::span<const double> values, std::size_t horizon) {
  static constexpr Holt kCandidates[] = {{0.05, 0.05, 0.98}, {0.05, 0.2, 0.9}, {0.2, 0.05, 0.98}, {0.2, 0.2, 0.9},
                                         {0.5, 0.05, 0.98},  {0.5, 0.2, 0.9},  {0.9, 0.05, 0.9},  {0.9, 0.2, 0.8}};
  HoltState best{.squares = std::numeric_limits<double>::infinity()};
  double damping = 1;
  for (const Holt& candidate : kCandidates)
    if (const HoltState state = run(candidate, values); state.squares < best.squares) {
      best = state;
      damping = candidate.damping;
    }
  Values line(horizon);
  double power = 1, ahead = 0;
  for (double& value : line) {
    ahead += power *= damping;
    value = best.level + ahead * best.trend;
  }
  return line;
}

Paths naive(const Question& question) {
  return from_each_origin(question, [&](auto known) { return Values(question.horizon, known.back()); });
}

Paths mean_of_day(const Question& question) {
  return from_each_origin(
      question, [&](auto known) { return Values(question.horizon, mean_of_last(known, question.seasons.day)); });
}

Paths mean_of_week(const Question& question) {
  return from_each_origin(
      question, [&](auto known) { return Values(question.horizon, mean_of_last(known, question.seasons.week)); });
}

Paths exponential_smoothing(const Question& question) {
  return from_each_origin(question, [&](auto known) { return Values(question.horizon, smooth(known).level); });
}

Paths damped_holt(const Question& question) {
  return from_each_origin(question, [&](auto known) { return damped_line(known, question.horizon); });
}

Paths theta(const Question& question) {
  return from_each_origin(question, [&](auto known) { return theta_line(known, question.horizon); });
}

}  // namespace tessera::fleet::forecast
