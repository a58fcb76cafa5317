#include "fleet/cost/rates.h"

#include <algorithm>
#include <array>
#include <tuple>

namespace tessera::fleet {
namespace {

constexpr std::int64_t kHour = 3'600'000;
constexpr std::array<std::string_view, kPurchases> kPurchaseNames = {"on-demand", "spot", "reserved"};

auto place_of(const Rate& rate) { return std::tie(rate.node, rate.pool, rate.cluster, rate.purchase, rate.model); }

/// Compares as the more particular is the greater.
auto rank_of(const Rate& rate) {
  return std::array{!rate.node.empty(), !rate.pool.empty(), !rate.cluster.empty(), rate.purchase.has_value(),
                    !rate.model.empty()};
}

bool is_for(const Rate& rate, const PricedAs& device) {
  const auto is = [](const std::string& wanted, std::string_view has) { return wanted.empty() || wanted == has; };
  return is(rate.model, device.model) && is(rate.cluster, device.cluster) && is(rate.node, device.node) &&
         is(rate.pool, device.pool) && (!rate.purchase || *rate.purchase == device.purchase);
}

std::string shown(const Rate& rate) {
  std::string out;
  const auto add = [&](std::string_view what, std::string_view value) {
    if (!value.empty()) out += fmt::format("{}{} '{}'", out.empty() ? "" : ", ", what, value);
  };
  add("model", rate.model);
  add("cluster", rate.cluster);
  add("node", rate.node);
  add("pool", rate.pool);
  if (rate.purchase) add("purchase", purchase_name(*rate.purchase));
  return out.empty() ? "all devices" : out;
}

/// What has been charged from the epoch up to a time: rounded down, so that differences add up.
Wide charged_until(Micros per_hour, EpochMs time) {
  const Wide product = Wide{per_hour} * time;
  const Wide out = product / kHour;
  return product < 0 && product % kHour != 0 ? out - 1 : out;
}

Result<void> check(const std::vector<Rate>& rates) {
  for (const Rate& one : rates) {
    if (one.per_hour < 0 || one.per_hour > kMostPerHour)
      return fail(Code::Invalid, "rate of {}: {} an hour; 0 to {} expected", shown(one), decimal(one.per_hour),
                  decimal(kMostPerHour));
    if (one.from >= one.to) return fail(Code::Invalid, "rate of {}: it ends before it begins", shown(one));
  }
  for (std::size_t i = 0; i + 1 < rates.size(); ++i)  // sorted: of the same devices they stand side by side
    if (place_of(rates[i]) == place_of(rates[i + 1]) && rates[i + 1].from < rates[i].to)
      return fail(Code::Invalid, "rate of {}: {} and {} an hour hold at the same time; give the first an end",
                  shown(rates[i]), decimal(rates[i].per_hour), decimal(rates[i + 1].per_hour));
  return {};
}

}  // namespace

std::string_view purchase_name(Purchase purchase) { return kPurchaseNames[static_cast<std::size_t>(purchase)]; }

std::optional<Purchase> purchase_named(std::string_view name) {
  const auto* found = std::ranges::find(kPurchaseNames, name);
  if (found == kPurchaseNames.end()) return std::nullopt;
  return static_cast<Purchase>(found - kPurchaseNames.begin());
}

const std::vector<Rate>& default_rates() {
  static const std::vector<Rate> kRates = [] {
    std::vector<Rate> out;
    for (const auto& [model, units] : {std::pair{"H100_80GB", 8}, {"A100_80GB", 6}, {"RTX4090", 2}}) {
      out.emplace_back();
      out.back().model = model;
      out.back().per_hour = units * kUnit;
    }
    return out;
  }();
  return kRates;
}

Result<RateBook> RateBook::of(std::vector<Rate> rates) {
  std::ranges::sort(rates, [](const Rate& a, const Rate& b) {
    if (rank_of(a) != rank_of(b)) return rank_of(a) > rank_of(b);
    return std::tuple(place_of(a), a.from) < std::tuple(place_of(b), b.from);
  });
  TRY(check(rates));
  return RateBook(std::move(rates));
}

const Rate* RateBook::at(const PricedAs& device, EpochMs time) const {
  const auto found = std::ranges::find_if(
      rates_, [&](const Rate& one) { return one.from <= time && time < one.to && is_for(one, device); });
  return found == rates_.end() ? nullptr : &*found;
}

Charge RateBook::charge(const PricedAs& device, EpochMs from, EpochMs to) const {
  Charge out;
  while (from < to) {
    EpochMs until = to;  // nothing begins or ends before
    for (const Rate& one : rates_) {
      if (!is_for(one, device)) continue;
      for (const EpochMs edge : {one.from, one.to})
        if (edge > from) until = std::min(until, edge);
    }
    if (const Rate* rate = at(device, from))
      out.micros += static_cast<Micros>(charged_until(rate->per_hour, until) - charged_until(rate->per_hour, from));
    else
      out.unpriced_ms += until - from;
    from = until;
  }
  return out;
}

}  // namespace tessera::fleet
