#include "server/advice/offers.h"

#include <algorithm>

namespace tessera::server {
namespace {

using fleet::Micros;

constexpr EpochMs kHour = 3'600'000;
constexpr std::int64_t kLittle = 10;  ///< a tenth

/// A rate that is said of what is bought so, not one of all.
std::optional<Micros> rate_of(const fleet::RateBook& rates, const store::PoolHour& of, fleet::Purchase purchase,
                              EpochMs at) {
  const fleet::Rate* rate = rates.at({of.model, of.cluster, "", "", purchase}, at);
  const bool meant = rate && (purchase == fleet::Purchase::OnDemand || rate->purchase == purchase);
  return meant ? std::optional(rate->per_hour) : std::nullopt;
}

/// What the cheapest of these devices costs an hour.
std::optional<Micros> price_of(const Consolidated& of, const HourlyCosts* hourly) {
  if (!hourly) return std::nullopt;
  std::map<std::string, fleet::CostAmount> sums;
  for (const store::CostPosting& one : hourly->postings) {
    if (one.subject.cluster != of.cluster || std::ranges::find(of.frees, one.subject.device_id) == of.frees.end())
      continue;
    sums[one.subject.device_id].micros += one.amount.micros;
    sums[one.subject.device_id].unpriced_ms += one.amount.unpriced_ms;
  }
  std::optional<Micros> out;
  for (const auto& [device, sum] : sums) {
    if (sum.unpriced_ms != 0) return std::nullopt;
    out = std::min(out.value_or(sum.micros), sum.micros);
  }
  return sums.size() == of.frees.size() ? out : std::nullopt;
}

}  // namespace

std::vector<fleet::advice::Pool> pools_of(const std::vector<store::PoolHour>& hours, const fleet::RateBook& rates,
                                          EpochMs from, EpochMs to) {
  std::vector<fleet::advice::Pool> out;
  std::int64_t told = 0;
  const auto end = [&] {
    if (out.empty()) return;
    fleet::advice::Pool& pool = out.back();
    pool.observed = static_cast<double>(told * kHour) / static_cast<double>(pool.to - pool.from);
  };
  for (const store::PoolHour& one : hours) {  // by cluster and model
    if (out.empty() || out.back().cluster != one.cluster || out.back().model != one.model) {
      end();
      told = 0;
      out.push_back({one.cluster, one.model, std::max(from, one.hour), to, 0, 0, 0,
                     rate_of(rates, one, fleet::Purchase::OnDemand, to),
                     rate_of(rates, one, fleet::Purchase::Reserved, to)});
    }
    if (one.unobserved_ms * kLittle > one.device_ms) continue;
    const std::int64_t held = one.held_ms / kHour;
    out.back().told_until = one.hour + kHour;
    out.back().held_at_least = told == 0 ? held : std::min(out.back().held_at_least, held);
    ++told;
  }
  end();
  return out;
}

void ScatterTrack::resume(const std::vector<store::ScatterSeen>& seen) {
  for (const store::ScatterSeen& one : seen) {
    since_[{one.cluster, one.model}] = {one.first, one.looks};
    last_ = std::max(last_, one.looked);
  }
}

std::vector<store::ScatterSeen> ScatterTrack::seen() const {
  std::vector<store::ScatterSeen> out;
  for (const auto& [of, since] : since_) out.push_back({of.first, of.second, since.first, since.looks, last_});
  return out;
}

std::vector<fleet::advice::Scattered> ScatterTrack::look(const std::vector<Consolidated>& found,
                                                         const HourlyCosts* hourly, EpochMs now, Milliseconds every) {
  if (now - last_ > 2 * every.count()) since_.clear();
  last_ = now;
  std::map<std::pair<std::string, std::string>, Since> still;
  std::vector<fleet::advice::Scattered> out;
  for (const Consolidated& one : found) {
    if (one.frees.empty()) continue;
    const std::pair key(one.cluster, one.model);
    const auto before = since_.find(key);
    Since& since = still[key] = before == since_.end() ? Since{now, 0} : before->second;
    ++since.looks;
    fleet::advice::Scattered scattered;
    scattered.cluster = one.cluster;
    scattered.model = one.model;
    scattered.since = since.first;
    scattered.now = now;
    const auto due = static_cast<double>((now - since.first) / every.count() + 1);
    scattered.observed = std::min(1.0, static_cast<double>(since.looks) / due);
    scattered.frees = one.frees;
    scattered.moves = one.moves;
    scattered.per_hour = price_of(one, hourly);
    out.push_back(std::move(scattered));
  }
  since_ = std::move(still);
  return out;
}

}  // namespace tessera::server
