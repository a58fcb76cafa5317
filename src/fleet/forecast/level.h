#pragma once
// Forecasts of a series that has no season: of what is left when its profile is taken away, or of the series itself.
#include <span>

#include "fleet/forecast/accuracy.h"

namespace tessera::fleet::forecast {

/// Simple exponential smoothing by the factor with the least squared error one step ahead.
struct Smoothed {
  double level = 0;
  double factor = 0;
};
Smoothed smooth(std::span<const double> values);

/// The level of simple exponential smoothing, plus half the slope of the straight line through all values
/// (Assimakopoulos and Nikolopoulos 2000; in this form Hyndman and Billah 2003).
Values theta_line(std::span<const double> values, std::size_t horizon);

/// From the last value back to the mean of the last `window`, half of the way every `half_life` steps.
Values reverting_line(std::span<const double> values, std::size_t horizon, std::size_t window, double half_life);

/// Holt's linear method with a damped trend (Gardner and McKenzie 1985), by the parameters with the least squared
/// error.
Values damped_line(std::span<const double> values, std::size_t horizon);

}  // namespace tessera::fleet::forecast
