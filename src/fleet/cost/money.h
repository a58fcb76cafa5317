#pragma once
// Money as a whole number of millionths, so that sums are exact, and a currency, so that no two are added up.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::fleet {

/// Millionths of a currency's unit: of a dollar, of a won.
using Micros = std::int64_t;
inline constexpr Micros kUnit = 1'000'000;

__extension__ using Wide = __int128;  ///< for products and sums of what fits 64 bits

/// Three capital letters, as ISO 4217 has them.
class Currency {
 public:
  static Result<Currency> named(std::string_view code);
  std::string_view code() const { return {code_.data(), code_.size()}; }
  bool operator==(const Currency&) const = default;

 private:
  explicit Currency(std::array<char, 3> code) : code_(code) {}
  std::array<char, 3> code_;
};

struct Money {
  Micros micros = 0;
  Currency currency;
  bool operator==(const Money&) const = default;
};

/// Invalid where the currencies differ, and where the sum is beyond 64 bits.
Result<Money> add(const Money& a, const Money& b);

/// Invalid for what is beyond 64 bits: `what` says whose sum it is.
Result<std::int64_t> narrow(Wide sum, std::string_view what);

/// "8.00", "0.36155", "-1.25": exact, with two digits behind the point at least.
std::string decimal(Micros micros);

/// A decimal number with six digits behind the point at most, and nothing beside it.
Result<Micros> parse_decimal(std::string_view text);

}  // namespace tessera::fleet
