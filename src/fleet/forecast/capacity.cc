#include "fleet/forecast/capacity.h"

#include <algorithm>
#include <cmath>

namespace tessera::fleet::forecast {
namespace {

constexpr std::size_t kFewestDays = 14;
constexpr double kDayMs = 86'400'000;

double median(Values values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

constexpr double kTimesObserved = 10;

std::optional<EpochMs> reached(const Trend& trend, double a_day, EpochMs end, double capacity) {
  if (!(a_day > 0)) return std::nullopt;
  const double days = (capacity - trend.level) / a_day;
  if (days > kTimesObserved * static_cast<double>(trend.days)) return std::nullopt;
  return end + static_cast<EpochMs>(std::llround(days * kDayMs));
}

}  // namespace

Result<Trend> trend_of(std::span<const std::optional<double>> daily) {
  Values day, value;
  for (std::size_t i = 0; i < daily.size(); ++i) {
    if (!daily[i]) continue;
    if (!(std::abs(*daily[i]) <= kLargest))
      return fail(Code::Invalid, "trend: {} on day {}: no number up to {:g}", *daily[i], i, kLargest);
    day.push_back(static_cast<double>(i));
    value.push_back(*daily[i]);
  }
  if (day.size() < kFewestDays)
    return fail(Code::Unavailable, "trend: too little history: {} days, {} needed", day.size(), kFewestDays);

  Values slopes;
  for (std::size_t later = 1; later < day.size(); ++later)
    for (std::size_t earlier = 0; earlier < later; ++earlier)
      slopes.push_back((value[later] - value[earlier]) / (day[later] - day[earlier]));
  std::ranges::sort(slopes);
  // Kendall's score of n days without a trend has this deviation.
  const auto n = static_cast<double>(day.size()), pairs = static_cast<double>(slopes.size());
  constexpr double kTwoSided90 = 1.645;
  const double within = kTwoSided90 * std::sqrt(n * (n - 1) * (2 * n + 5) / 18);
  const auto at = [&](double rank) { return slopes[static_cast<std::size_t>(std::clamp(rank, 0.0, pairs - 1))]; };

  Trend trend{.a_day = median(slopes),
              .a_day_low = at((pairs - within) / 2),
              .a_day_high = at((pairs + within) / 2),
              .days = day.size()};
  for (std::size_t i = 0; i < day.size(); ++i) value[i] -= trend.a_day * day[i];
  trend.level = median(value) + trend.a_day * static_cast<double>(daily.size() - 1);
  return trend;
}

std::string_view outlook_name(Outlook outlook) {
  constexpr std::string_view kNames[] = {"full", "dated", "notWithinHorizon", "noTrend"};
  return kNames[static_cast<std::size_t>(outlook)];
}

Exhaustion exhaustion(const Trend& trend, EpochMs end, double capacity, double least) {
  const double left = capacity - trend.level;
  if (left <= 0 || left < least) return {capacity, Outlook::Full, end, end, end};
  if (!(trend.a_day > 0 && trend.a_day_low > 0)) return {capacity, Outlook::NoTrend, {}, {}, {}};
  Exhaustion out{capacity, Outlook::Beyond, reached(trend, trend.a_day, end, capacity),
                 reached(trend, trend.a_day_high, end, capacity), reached(trend, trend.a_day_low, end, capacity)};
  if (out.full) out.outlook = Outlook::Dated;
  return out;
}

double capacity_for(const Trend& trend, double days) { return trend.level + std::max(trend.a_day_high, 0.0) * days; }

Result<Projection> project(double so_far, const Forecast& forecast, double from, double to) {
  const auto steps = static_cast<double>(forecast.steps.size());
  if (!(from >= 0 && to <= steps))
    return fail(Code::Invalid, "projection: steps {} to {} of a forecast that has {}", from, to, steps);
  Projection sum{so_far, so_far, so_far};
  for (std::size_t i = 0; i < forecast.steps.size(); ++i) {
    const auto begin = static_cast<double>(i);
    const double part = std::min(begin + 1, to) - std::max(begin, from);
    if (!(part > 0)) continue;
    sum.value += part * forecast.steps[i].value;
    sum.low += part * forecast.steps[i].low;
    sum.high += part * forecast.steps[i].high;
  }
  return sum;
}

std::vector<std::optional<PatternCell>> usage_pattern(std::span<const std::optional<double>> history,
                                                      std::span<const std::size_t> cell, std::size_t cells) {
  std::vector<std::optional<PatternCell>> pattern(cells);
  for (std::size_t t = 0; t < history.size(); ++t) {
    if (!history[t]) continue;
    auto& one = pattern[cell[t]];
    if (!one) one = PatternCell{0, *history[t], 0};
    one->mean += (*history[t] - one->mean) / static_cast<double>(++one->values);
    one->peak = std::max(one->peak, *history[t]);
  }
  return pattern;
}

}  // namespace tessera::fleet::forecast
