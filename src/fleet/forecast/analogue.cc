// What followed the moments of the past, at the same hour of the day, that were most like now.
#include <algorithm>
#include <numeric>

#include "fleet/forecast/methods.h"

namespace tessera::fleet::forecast {
namespace {

constexpr std::size_t kNearest = 5;

struct Analogue {
  double distance = 0;  ///< squared, between the stretches before it and before now, each without its mean
  std::size_t origin = 0;
  double mean = 0;  ///< of the stretch before it
};

double mean_before(std::span<const double> values, std::size_t t, std::size_t stretch) {
  const auto before = values.subspan(t - stretch, stretch);
  return std::accumulate(before.begin(), before.end(), 0.0) / static_cast<double>(stretch);
}

/// The nearest first; each a whole number of days ago and followed by at least `reach` values.
std::vector<Analogue> nearest(std::span<const double> known, std::size_t stretch, std::size_t day, std::size_t reach) {
  const std::size_t n = known.size();
  const double mean = mean_before(known, n, stretch);
  std::vector<Analogue> found;
  for (std::size_t ago = (reach + day - 1) / day * day; ago + stretch <= n; ago += day) {
    Analogue analogue{0, n - ago, mean_before(known, n - ago, stretch)};
    for (std::size_t back = 1; back <= stretch; ++back) {
      const double off = known[n - back] - mean - known[analogue.origin - back] + analogue.mean;
      analogue.distance += off * off;
    }
    found.push_back(analogue);
  }
  std::ranges::sort(found, {}, [](const Analogue& one) { return std::pair(one.distance, one.origin); });
  if (found.size() > kNearest) found.resize(kNearest);
  return found;
}

/// The mean of what followed the nearest, each moved to the level of now; the nearer, the more it counts.
Values followers(std::span<const double> known, std::size_t horizon, std::size_t stretch, const Seasons& seasons) {
  const std::size_t reach = std::min(horizon, seasons.week);
  const auto found = nearest(known, stretch, seasons.day, reach);
  Values path(horizon);
  if (found.empty()) {
    for (std::size_t step = 0; step < horizon; ++step)
      path[step] = known[known.size() - seasons.day + step % seasons.day];
    return path;
  }
  constexpr double kPartOfNearest = 0.1;  // no analogue counts more than so much nearness can tell
  const double mean = mean_before(known, known.size(), stretch), least = found.front().distance * kPartOfNearest;
  double total = 0;
  for (const Analogue& one : found) {
    const double apart = one.distance + least, weight = apart > 0 ? least / apart : 1;
    total += weight;
    for (std::size_t step = 0; step < reach; ++step)
      path[step] += weight * (known[one.origin + step] - one.mean + mean);
  }
  for (std::size_t step = 0; step < reach; ++step) path[step] /= total;
  for (std::size_t step = reach; step < horizon; ++step) path[step] = path[step - seasons.week];
  return path;
}

Paths by_stretch(const Question& question, std::size_t days) {
  Paths paths;
  for (const std::size_t origin : question.origins)
    paths.push_back(
        followers(question.history.first(origin), question.horizon, days * question.seasons.day, question.seasons));
  return paths;
}

}  // namespace

Paths analogues_of_day(const Question& question) { return by_stretch(question, 1); }

Paths analogues_of_three_days(const Question& question) { return by_stretch(question, 3); }

}  // namespace tessera::fleet::forecast
