#pragma once
// How far forecasts were from what came, by the definitions of the M competitions (Makridakis, Spiliotis,
// Assimakopoulos, "The M4 Competition: 100,000 time series and 61 forecasting methods", International Journal of
// Forecasting 36, 2020). Pure.
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace tessera::fleet::forecast {

using Values = std::vector<double>;

inline constexpr double kLargest = 1e100;  ///< the square of a larger value could not be summed up

/// Symmetric mean absolute percentage error, 0 to 200: the mean of 200 |y - f| / (|y| + |f|). A step at which both are
/// 0 is a hit. Both of one size, which is not 0.
double smape(std::span<const double> actual, std::span<const double> forecast);

/// What one step of the seasonal naive forecast is off by within the history: the mean of |y[t] - y[t - season]|.
/// Absent where the history is no longer than a season, or repeats itself exactly: nothing can be scaled by it.
std::optional<double> naive_scale(std::span<const double> history, std::size_t season);

/// Mean absolute error.
double mean_absolute_error(std::span<const double> actual, std::span<const double> forecast);

/// Mean absolute scaled error: the mean absolute error in units of naive_scale. Absent where that is.
std::optional<double> mase(std::span<const double> history, std::span<const double> actual,
                           std::span<const double> forecast, std::size_t season);

/// Overall weighted average: the mean of sMAPE and MASE, each as a part of what Naive2 has. Over several series both
/// are averaged first, as in the competition.
double owa(double smape, double mase, double naive2_smape, double naive2_mase);

/// Whether the autocorrelation at the lag of the season is significant at 90 %, as in the competition; with fewer than
/// three seasons it never is.
bool is_seasonal(std::span<const double> history, std::size_t season);

/// A season's indices by classical decomposition (centred moving average), for the phases t % season of the history:
/// factors with mean 1 where every value is above 0, else addends with mean 0, because factors would divide by zero.
struct SeasonalIndices {
  Values by_phase;
  bool factors = true;
};
SeasonalIndices classical_indices(std::span<const double> history, std::size_t season);

/// The competition's benchmark: the last value, seasonally adjusted where is_seasonal says so.
Values naive2(std::span<const double> history, std::size_t season, std::size_t horizon);

}  // namespace tessera::fleet::forecast
