#pragma once
// When what is asked for reaches what there is, how much would be needed, what a month will come to, and which hours of
// the week are full. Pure.
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
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

/// What a trend says of a capacity.
enum class Outlook {
  Full,    ///< it is reached already, or what is left is too little for anything
  Dated,   ///< there is a day
  Beyond,  ///< farther ahead than ten times what was observed, where a line says nothing
  NoTrend  ///< the interval of the slope has 0 in it, or the line falls
};
std::string_view outlook_name(Outlook outlook);  ///< "noTrend"

/// When a trend reaches a capacity. `full`, at the slope, is there where it is Dated or Full; `earliest` and `latest`
/// are at the high and at the low end of its interval, and absent where that is beyond.
struct Exhaustion {
  double capacity = 0;
  Outlook outlook = Outlook::NoTrend;
  std::optional<EpochMs> full, earliest, latest;
  bool operator==(const Exhaustion&) const = default;
};

/// `end`: of the last day of the trend. What is full already is full at `end`. `least`: of less nobody can have
/// anything.
Exhaustion exhaustion(const Trend& trend, EpochMs end, double capacity, double least = 0);

/// The capacity that lasts so many days, also at the high end of the slope.
double capacity_for(const Trend& trend, double days);

/// A sum over a period that is not over.
struct Projection {
  double value = 0;
  double low = 0, high = 0;  ///< as if every step were at the same end of its interval: never too narrow for that
};

/// What has come so far and what the steps of [from, to) of the forecast add, of a step at the edge its part. Invalid
/// where the forecast has fewer.
Result<Projection> project(double so_far, const Forecast& forecast, double from, double to);

struct PatternCell {
  double mean = 0, peak = 0;
  std::size_t values = 0;  ///< observed
};

/// What belongs together by `cell` (below `cells`, one for each value of the history: the hour of the week it is in, in
/// somebody's time zone); absent where nothing was observed.
std::vector<std::optional<PatternCell>> usage_pattern(std::span<const std::optional<double>> history,
                                                      std::span<const std::size_t> cell, std::size_t cells);

}  // namespace tessera::fleet::forecast
