#include "fleet/forecast/accuracy.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

namespace tessera::fleet::forecast {
namespace {

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

}  // namespace

double smape(std::span<const double> actual, std::span<const double> forecast) {
  assert(actual.size() == forecast.size() && !actual.empty());
  double sum = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double size = std::abs(actual[i]) + std::abs(forecast[i]);
    if (size > 0) sum += 200 * std::abs(actual[i] - forecast[i]) / size;
  }
  return sum / static_cast<double>(actual.size());
}

std::optional<double> naive_scale(std::span<const double> history, std::size_t season) {
  if (history.size() <= season) return std::nullopt;
  const double scale = mean_absolute_error(history.subspan(season), history.first(history.size() - season));
  return scale > 0 ? std::optional(scale) : std::nullopt;
}

double mean_absolute_error(std::span<const double> actual, std::span<const double> forecast) {
  assert(actual.size() == forecast.size() && !actual.empty());
  double sum = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) sum += std::abs(actual[i] - forecast[i]);
  return sum / static_cast<double>(actual.size());
}

std::optional<double> mase(std::span<const double> history, std::span<const double> actual,
                           std::span<const double> forecast, std::size_t season) {
  const auto scale = naive_scale(history, season);
  if (!scale) return std::nullopt;
  return mean_absolute_error(actual, forecast) / *scale;
}

double owa(double smape, double mase, double naive2_smape, double naive2_mase) {
  return (smape / naive2_smape + mase / naive2_mase) / 2;
}

bool is_seasonal(std::span<const double> history, std::size_t season) {
  const std::size_t n = history.size();
  if (season < 2 || n < 3 * season) return false;
  const double middle = mean(history);
  double variance = 0;
  for (const double value : history) variance += (value - middle) * (value - middle);
  if (variance <= 0) return false;
  double squares = 0, correlation = 0;
  for (std::size_t lag = 1; lag <= season; ++lag) {
    squares += correlation * correlation;  // of the lags before this one
    double sum = 0;
    for (std::size_t t = lag; t < n; ++t) sum += (history[t] - middle) * (history[t - lag] - middle);
    correlation = sum / variance;
  }
  constexpr double kTwoSided90 = 1.645;
  return std::abs(correlation) > kTwoSided90 * std::sqrt((1 + 2 * squares) / static_cast<double>(n));
}

SeasonalIndices classical_indices(std::span<const double> history, std::size_t season) {
  assert(season > 1 && history.size() >= 2 * season);
  SeasonalIndices indices{Values(season), std::ranges::all_of(history, [](double value) { return value > 0; })};
  const std::size_t half = season / 2;
  Values count(season);
  for (std::size_t t = half; t + half < history.size(); ++t) {
    // An even season is centred by half a value at each end.
    const double edge = season % 2 == 0 ? (history[t - half] + history[t + half]) / 2 : history[t + half];
    const auto inner = history.subspan(t - half + (season % 2 == 0 ? 1 : 0), season - 1);
    const double trend = (std::accumulate(inner.begin(), inner.end(), 0.0) + edge) / static_cast<double>(season);
    indices.by_phase[t % season] += indices.factors ? history[t] / trend : history[t] - trend;
    ++count[t % season];
  }
  for (std::size_t phase = 0; phase < season; ++phase) indices.by_phase[phase] /= count[phase];
  const double middle = mean(indices.by_phase);
  for (double& index : indices.by_phase) index = indices.factors ? index / middle : index - middle;
  return indices;
}

Values naive2(std::span<const double> history, std::size_t season, std::size_t horizon) {
  assert(!history.empty());
  const std::size_t n = history.size();
  Values forecast(horizon, history.back());
  if (!is_seasonal(history, season)) return forecast;
  const auto [index, factors] = classical_indices(history, season);
  const double last = index[(n - 1) % season];
  for (std::size_t step = 0; step < horizon; ++step) {
    const double then = index[(n + step) % season];
    forecast[step] = factors ? history.back() / last * then : history.back() - last + then;
  }
  return forecast;
}

}  // namespace tessera::fleet::forecast
