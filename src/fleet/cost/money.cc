#include "fleet/cost/money.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace tessera::fleet {
namespace {

constexpr std::size_t kDigits = 6;  // behind the point

bool are_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

Result<Currency> Currency::named(std::string_view code) {
  const bool good = code.size() == 3 && std::ranges::all_of(code, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!good) return fail(Code::Invalid, "currency '{}': three capital letters expected, as USD or KRW", code);
  return Currency({code[0], code[1], code[2]});
}

Result<Money> add(const Money& a, const Money& b) {
  if (a.currency != b.currency)
    return fail(Code::Invalid, "{} {} and {} {}: two currencies have no sum", decimal(a.micros), a.currency.code(),
                decimal(b.micros), b.currency.code());
  return Money{TRY(narrow(Wide{a.micros} + b.micros, "money")), a.currency};
}

Result<std::int64_t> narrow(Wide sum, std::string_view what) {
  using Limits = std::numeric_limits<std::int64_t>;
  if (sum < Limits::min() || sum > Limits::max())
    return fail(Code::Invalid, "{}: the sum is beyond 64 bits; a shorter window or a finer grouping has smaller sums",
                what);
  return static_cast<std::int64_t>(sum);
}

std::string decimal(Micros micros) {
  const auto size = micros < 0 ? -static_cast<std::uint64_t>(micros) : static_cast<std::uint64_t>(micros);
  std::string out = fmt::format("{}{}.{:06}", micros < 0 ? "-" : "", size / kUnit, size % kUnit);
  constexpr std::size_t kTrimmed = kDigits - 2;
  for (std::size_t i = 0; i < kTrimmed && out.back() == '0'; ++i) out.pop_back();
  return out;
}

Result<Micros> parse_decimal(std::string_view text) {
  const auto wrong = [&](std::string_view why) { return fail(Code::Invalid, "'{}': {}", text, why); };
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative) rest.remove_prefix(1);
  const std::size_t point = std::min(rest.find('.'), rest.size());
  const std::string_view whole = rest.substr(0, point);
  std::string_view part = point < rest.size() ? rest.substr(point + 1) : std::string_view("0");
  if (whole.empty() || part.empty() || !are_digits(whole) || !are_digits(part))
    return wrong("a decimal number expected, as 8.0");
  while (part.size() > kDigits && part.ends_with('0')) part.remove_suffix(1);
  if (part.size() > kDigits) return wrong("six digits behind the point at most");
  constexpr std::size_t kMostDigits = 20;
  if (whole.size() > kMostDigits) return wrong("too large");
  Wide value = 0;
  for (const char c : whole) value = value * 10 + (c - '0');
  for (std::size_t i = 0; i < kDigits; ++i) value = value * 10 + (i < part.size() ? part[i] - '0' : 0);
  const auto out = narrow(negative ? -value : value, text);
  if (!out) return wrong("too large");
  return *out;
}

}  // namespace tessera::fleet
