#include "fleet/forecast/profile.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace tessera::fleet::forecast {
namespace {

constexpr double kOlderWeek = 0.8;
constexpr double kWeeksWithoutDifference = 1;

/// The history without the mean of the week around each value; at the ends of the nearest whole one.
Values without_trend(std::span<const double> history, std::size_t week) {
  const std::size_t n = history.size(), width = std::min(week, n);
  Values sums(n + 1), rest(n);
  std::partial_sum(history.begin(), history.end(), sums.begin() + 1);
  for (std::size_t t = 0; t < n; ++t) {
    const std::size_t from = std::min(t - std::min(t, width / 2), n - width);
    rest[t] = history[t] - (sums[from + width] - sums[from]) / static_cast<double>(width);
  }
  return rest;
}

/// The weighted mean for each phase; `extra` is weight at 0.
Values mean_by_phase(const Values& values, const Values& weights, std::size_t season, double extra) {
  Values mean(season), weight(season, extra);
  for (std::size_t t = 0, phase = 0; t < values.size(); ++t, phase = phase + 1 == season ? 0 : phase + 1) {
    mean[phase] += weights[t] * values[t];
    weight[phase] += weights[t];
  }
  for (std::size_t phase = 0; phase < season; ++phase) mean[phase] /= weight[phase];
  return mean;
}

}  // namespace

Profile profile_of(std::span<const double> history, const Seasons& seasons) {
  const std::size_t n = history.size();
  Values weights(n), rest = without_trend(history, seasons.week);
  for (std::size_t t = 0; t < n; ++t) weights[t] = 1;
  for (std::size_t end = n; end > seasons.week; end -= seasons.week)
    for (std::size_t t = 0; t + seasons.week < end; ++t) weights[t] *= kOlderWeek;

  const Values day = mean_by_phase(rest, weights, seasons.day, 0);
  for (std::size_t t = 0; t < n; ++t) rest[t] -= day[t % seasons.day];
  Profile profile{mean_by_phase(rest, weights, seasons.week, kWeeksWithoutDifference),
                  Values(history.begin(), history.end())};
  for (std::size_t phase = 0; phase < seasons.week; ++phase) profile.by_phase[phase] += day[phase % seasons.day];
  const double middle = std::accumulate(profile.by_phase.begin(), profile.by_phase.end(), 0.0) /
                        static_cast<double>(profile.by_phase.size());
  for (double& index : profile.by_phase) index -= middle;
  for (std::size_t t = 0; t < n; ++t) profile.remainder[t] -= profile.by_phase[t % seasons.week];
  return profile;
}

}  // namespace tessera::fleet::forecast
