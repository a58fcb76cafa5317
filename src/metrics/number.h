#pragma once
// Numbers as exposition pages spell them.
#include <optional>
#include <string_view>

#include "base/duration.h"

namespace tessera::metrics {

/// Decimal digits with or without point and exponent, or inf, infinity, nan in any case; a sign, but not before nan.
/// Neither hexadecimal nor `_`. A number too large for a double is none; one too small is 0. Every NaN is the same NaN.
std::optional<double> parse_value(std::string_view text);

/// Whole milliseconds, as the text format has them.
std::optional<EpochMs> parse_milliseconds(std::string_view text);

/// Finite seconds, as OpenMetrics has them: cut to whole milliseconds, exactly where there is no exponent; times beyond
/// 10^15 s are taken as that.
std::optional<EpochMs> parse_seconds(std::string_view text);

}  // namespace tessera::metrics
