#pragma once
// What an hour of a GPU costs, by model and place, and when.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/cost/money.h"

namespace tessera::fleet {

enum class Purchase : std::uint8_t { OnDemand, Spot, Reserved };
inline constexpr std::size_t kPurchases = 3;
std::string_view purchase_name(Purchase purchase);  ///< "on-demand"
std::optional<Purchase> purchase_named(std::string_view name);

/// Money per GPU-hour: of one whole device, cut into instances or not. What is empty stands for all.
struct Rate {
  std::string model;  ///< "H100_80GB"
  std::string cluster;
  std::string node;
  std::string pool;
  std::optional<Purchase> purchase;
  Micros per_hour = 0;
  EpochMs from = std::numeric_limits<EpochMs>::min();
  EpochMs to = std::numeric_limits<EpochMs>::max();  ///< not in it
  bool operator==(const Rate&) const = default;
};

inline constexpr Micros kMostPerHour = 1'000'000'000 * kUnit;

/// A device as its price sees it.
struct PricedAs {
  std::string_view model;
  std::string_view cluster;
  std::string_view node;
  std::string_view pool;
  Purchase purchase = Purchase::OnDemand;
};

/// What a stretch of time costs; of `unpriced_ms` of it no rate is known, and it is not in the sum.
struct Charge {
  Micros micros = 0;
  std::int64_t unpriced_ms = 0;
  bool operator==(const Charge&) const = default;
};

/// H100_80GB 8.0, A100_80GB 6.0, RTX4090 2.0 for each hour, of any currency.
const std::vector<Rate>& default_rates();

/// All rates are of one currency, which whoever has the book knows. Immutable.
class RateBook {
 public:
  /// Invalid for a rate that is negative or above kMostPerHour, for one that ends before it begins, and for two of the
  /// same devices and times.
  static Result<RateBook> of(std::vector<Rate> rates);

  /// The rate of a device at a time: one that names the node before one that names the pool, the cluster, the kind of
  /// purchase, the model, in this order. Null where there is none.
  const Rate* at(const PricedAs& device, EpochMs time) const;

  /// Of [from, to). Adds up: the charges of two stretches that meet are the charge of both, and an hour within one rate
  /// costs what the rate says, to the micro-unit, however it is cut.
  Charge charge(const PricedAs& device, EpochMs from, EpochMs to) const;

  const std::vector<Rate>& rates() const { return rates_; }

 private:
  explicit RateBook(std::vector<Rate> rates) : rates_(std::move(rates)) {}
  std::vector<Rate> rates_;  ///< the more particular first
};

}  // namespace tessera::fleet
