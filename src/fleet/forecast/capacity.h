#pragma once
// When what is asked for reaches what there is, how much would be needed, what a month will come to, and which hours of
// the week are full. Pure.
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "fleet/forecast/forecast.h"

namespace tessera::fleet::forecast {

/// A straight line through one value a day: the median of the slopes between all pairs of days (Theil 1950, Sen 1968),
/// so that a few strange days do not turn it.
struct Trend {
  double level = 0;  ///< at the end of the last day, in the unit of the series
  double a_day = 0;  ///< slope
  double a_day_low = 0,
         a_day_high =
             0;  ///< Sen's interval of 90 %, from the rank correlation, for days that do not depend on each other
  std::size_t days = 0;  ///< observed
};

/// Unavailable under 14 observed days, because two weekends do not make a trend.
Result<Trend> trend_of(std::span<const std::optional<double>> daily);

/// When a trend reaches a capacity. A time that is absent is not reached at that slope, or lies farther ahead than ten
/// times what was observed, where a line says nothing.
struct Exhaustion {
  double capacity = 0;
  std::optional<EpochMs> full, earliest, latest;  ///< at the slope, at the high and at the low end of its interval
  bool operator==(const Exhaustion&) const = default;
};

/// `end`: of the last day of the trend. What is full already is full at `end`.
Exhaustion exhaustion(const Trend& trend, EpochMs end, double capacity);

/// What each addition to the capacity would change; the first row is without any.
std::vector<Exhaustion> what_if(const Trend& trend, EpochMs end, double capacity, std::span<const double> additions);

/// The capacity that lasts so many days, also at the high end of the slope.
double capacity_for(const Trend& trend, double days);

/// A sum over a period that is not over.
struct Projection {
  double value = 0;
  double low = 0, high = 0;  ///< as if every step were at the same end of its interval: never too narrow for that
};

/// What has come so far and the first `steps` of the forecast. Invalid where it has fewer.
Result<Projection> project(double so_far, const Forecast& forecast, std::size_t steps);

struct HourOfWeek {
  double mean = 0, peak = 0;
  std::size_t values = 0;  ///< observed
};

/// For each step of the week, absent where nothing was observed; `phase` is the step of the week of the first value.
std::vector<std::optional<HourOfWeek>> usage_pattern(std::span<const std::optional<double>> history, std::size_t phase,
                                                     std::size_t week = 168);

}  // namespace tessera::fleet::forecast
