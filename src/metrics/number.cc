#include "metrics/number.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/text.h"

namespace tessera::metrics {
namespace {

constexpr double kNan = std::bit_cast<double>(std::uint64_t{0x7ff8000000000001});  // what Prometheus stores for NaN

constexpr EpochMs kFarthest = 1'000'000'000'000'000'000;  // 32 million years either way

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<double> parse_word(std::string_view text, bool negative, bool is_signed) {
  const std::string word = lower(text);
  if (word == "nan" && !is_signed) return kNan;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (word == "inf" || word == "infinity") return negative ? -kInfinity : kInfinity;
  return std::nullopt;
}

/// Whether `digits`, a number that no double holds, is too small rather than too large: 0.ddd * 10^magnitude.
bool is_tiny(std::string_view digits) {
  const std::size_t mark = std::min(digits.find_first_of("eE"), digits.size());
  const std::string_view mantissa = digits.substr(0, mark);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = std::min(mantissa.find_first_not_of("0."), mantissa.size());
  double magnitude = first < point ? static_cast<double>(point - first) : -static_cast<double>(first - point);
  if (mark < digits.size()) {
    std::string_view exponent = digits.substr(mark + 1);
    const bool negative = exponent.starts_with('-');
    if (negative || exponent.starts_with('+')) exponent.remove_prefix(1);
    double size = 0;
    for (const char c : exponent) size = size * 10 + (c - '0');
    magnitude += negative ? -size : size;
  }
  return magnitude < 0;
}

}  // namespace

std::optional<double> parse_value(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool is_signed = negative || text.starts_with('+');
  if (is_signed) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  if (!is_digit(text.front()) && text.front() != '.') return parse_word(text, negative, is_signed);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    if (!is_tiny(text)) return std::nullopt;
    value = 0;
  } else if (error != std::errc{} || std::isinf(value)) {
    return std::nullopt;
  }
  return negative ? -value : value;
}

std::optional<EpochMs> parse_milliseconds(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && is_digit(text[1])) text.remove_prefix(1);
  return parse_int(text);
}

std::optional<EpochMs> parse_seconds(std::string_view text) {
  const auto seconds = parse_value(text);
  if (!seconds || !std::isfinite(*seconds)) return std::nullopt;
  constexpr double kLast = 1e15;
  if (std::abs(*seconds) >= kLast) return *seconds < 0 ? -kFarthest : kFarthest;
  if (text.find_first_of("eE") != std::string_view::npos) return static_cast<EpochMs>(*seconds * 1000);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const std::size_t point = std::min(text.find('.'), text.size());
  EpochMs milliseconds = 0;
  for (std::size_t i = 0; i < point; ++i) milliseconds = milliseconds * 10 + (text[i] - '0');
  for (std::size_t i = point + 1; i <= point + 3; ++i)
    milliseconds = milliseconds * 10 + (i < text.size() ? text[i] - '0' : 0);
  return negative ? -milliseconds : milliseconds;
}

}  // namespace tessera::metrics
