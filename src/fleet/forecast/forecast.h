#pragma once
// What comes next in a series of usage, cost or demand, with an honest error: a combination of single methods, weighted
// by how far each was off when it was asked in the past. Pure: no clock, no I/O.
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/forecast/methods.h"

namespace tessera::fleet::forecast {

struct Step {
  double value = 0;
  double low = 0, high = 0;  ///< the bounds of the interval that `coverage` of the past would have been in
};

/// One method and how it did.
struct Judged {
  std::string_view name;
  double error = 0;   ///< mean absolute error of the backtest, in the unit of the series
  double weight = 0;  ///< its part of the combination, 0 to 1: the mean over the steps
};

struct Forecast {
  std::vector<Step> steps{};
  double error = 0;  ///< mean absolute error of the combination in the backtest, in the unit of the series
  std::optional<double> scaled{};  ///< the same as a part of what repeating the last day has; absent where that is 0
  std::size_t origins = 0;         ///< how many past moments were asked from
  std::size_t judged_steps = 0;    ///< so many steps ahead; bounds of later ones are widened, not measured
  std::size_t filled = 0;          ///< values that were missing between others: filled in to go on from, never judged
  std::vector<Judged> methods{};   ///< the best first
};

struct Options {
  std::size_t horizon = 48;  ///< steps
  Seasons seasons{};
  double coverage = 0.9;  ///< of the interval, above 0 and below 1
};

/// Of a series with one value a step, the last one the newest; absent where nothing was observed. Only observed values
/// are compared with; from a gap at the end it goes on from the last observed value, as far as that can be judged.
/// Weekly methods take part from two weeks before the backtest on. Unavailable where there is too little history (three
/// days, and as much as the shortest backtest), or too much of it is missing: more than a third of all, or more than
/// half of what is judged; Invalid where a value is not finite or an option makes no sense.
Result<Forecast> forecast(std::span<const std::optional<double>> history, const Options& options = {});

/// For one method alone, with the same filling of gaps and without intervals: to compare with. Unavailable where its
/// history is too short.
Result<Values> forecast_by(const Method& method, std::span<const std::optional<double>> history,
                           const Options& options = {});

}  // namespace tessera::fleet::forecast
