#include "kube/quantity.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace tessera::kube {
namespace {

constexpr struct {
  std::string_view name;
  double factor;
} kSuffixes[] = {{"n", 1e-9},    {"u", 1e-6},    {"m", 1e-3},    {"k", 1e3},     {"M", 1e6},
                 {"G", 1e9},     {"T", 1e12},    {"P", 1e15},    {"E", 1e18},    {"Ki", 0x1p10},
                 {"Mi", 0x1p20}, {"Gi", 0x1p30}, {"Ti", 0x1p40}, {"Pi", 0x1p50}, {"Ei", 0x1p60}};

}  // namespace

std::optional<double> parse_quantity(std::string_view text) {
  double factor = 1;
  // "12E" are exa, "12E3" and "12e3" are thousands: a number's exponent has digits behind it.
  const auto end = text.find_last_of("0123456789.");
  if (end == std::string_view::npos) return std::nullopt;
  if (const std::string_view suffix = text.substr(end + 1); !suffix.empty()) {
    const auto* known = std::ranges::find_if(kSuffixes, [&](const auto& one) { return one.name == suffix; });
    if (known == std::end(kSuffixes)) return std::nullopt;
    factor = known->factor;
  }
  const auto number = parse_double(text.substr(0, end + 1));
  if (!number || !std::isfinite(*number * factor)) return std::nullopt;
  return *number * factor;
}

}  // namespace tessera::kube
