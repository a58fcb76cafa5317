#include "fleet/decision/near_miss.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;

/// A smaller request is told of where it is at least so much of the one that was made.
constexpr std::uint64_t nearly(std::uint64_t bytes) { return bytes / 20 * 19; }

/// Whether the device has something of the size at all, so that not all are looked at closely.
bool has_about(const Candidate& on, const Need& need) {
  const std::uint64_t asked = *need.memory_mib * kMib;
  const auto is_near = [&](std::uint64_t bytes) { return bytes < asked && bytes >= nearly(asked); };
  const std::uint64_t whole = on.memory_bytes.value_or(0);
  return is_near(whole) || (on.shares && is_near(whole / on.shares->replicas)) ||
         std::ranges::any_of(on.offered(), [&](const gpu::Profile& one) { return is_near(one.memory_bytes); });
}

void take_larger(std::optional<Smaller>& best, std::optional<Smaller> other) {
  if (!other) return;
  if (!best || other->bytes > best->bytes || (other->bytes == best->bytes && other->name < best->name))
    best = std::move(other);
}

/// 20 GiB are 20,480 MiB; who means 20 GB needs 19,074.
std::string smaller_request(std::uint64_t asked_mib, std::uint64_t bytes) {
  const std::uint64_t gigabytes = asked_mib / 1024;
  if (asked_mib % 1024 == 0 && gigabytes * 1'000'000'000 <= bytes)
    return fmt::format("ask for {}G ({} MiB)", gigabytes, number_text((gigabytes * 1'000'000'000 + kMib - 1) / kMib));
  return fmt::format("ask for at most {} MiB", number_text(bytes / kMib));
}

/// What is found on devices that are open, one after the other.
class Largest {
 public:
  Largest(const Supply& supply, const Need& need) : supply_(supply), need_(need) {}

  /// Of a need of one device the first one says all.
  bool wants_all() const { return need_.devices > 1; }
  void add(std::uint32_t at, const Smaller& smaller) {
    std::string node;
    if (need_.devices > 1 && need_.same_node)
      node = supply_.candidates[at].cluster + '\n' + supply_.candidates[at].node;
    Found& found = found_[{smaller.bytes, smaller.name, std::move(node)}];
    if (found.count == 0 || at < found.first) found.first = at;
    ++found.count;
  }
  /// Of which there are as many as are asked for.
  std::optional<Smaller> best() const {
    std::optional<Smaller> out;
    for (const auto& [what, found] : found_) {
      if (found.count < need_.devices) continue;
      take_larger(out, Smaller{supply_.candidates[found.first].id, std::get<1>(what), std::get<0>(what)});
    }
    return out;
  }

 private:
  struct Found {
    std::uint32_t first = 0;
    std::size_t count = 0;
  };
  const Supply& supply_;
  const Need& need_;
  std::map<std::tuple<std::uint64_t, std::string, std::string>, Found> found_;  ///< by size, name and node
};

}  // namespace

std::optional<Smaller> smaller_on(const Candidate& candidate, const Need& need) {
  if (!has_about(candidate, need)) return std::nullopt;
  Candidate on = candidate;
  const std::uint64_t asked = *need.memory_mib * kMib;
  Need less = need;
  less.memory_mib = (nearly(asked) + kMib - 1) / kMib;
  on.held_by.clear();
  for (Piece& one : on.pieces) one.held_by.clear();
  if (on.shares) {
    on.shares->left = on.shares->replicas;
    on.shares->left_memory_bytes = on.memory_bytes.value_or(0);
  }
  const auto ways = examine(on, less);
  const auto* options = std::get_if<0>(&ways);
  if (!options) return std::nullopt;
  std::optional<Smaller> best;
  for (const Option& one : *options) {
    const bool is_part = one.share_milli > 0 && on.shares->memory_is_parted;
    const std::uint64_t bytes =
        one.profile ? one.profile->memory_bytes : on.memory_bytes.value_or(0) / (is_part ? on.shares->replicas : 1);
    if (bytes < asked && (!best || bytes > best->bytes))
      best = {on.id, one.profile ? one.profile->name : on.model, bytes};
  }
  return best;
}

std::optional<Smaller> smaller_of(const Supply& supply, const Need& need, Failures failures) {
  if (!need.memory_mib) return std::nullopt;
  std::vector<std::uint32_t> firsts;
  for (const Failing& one : failures)
    if (!one.barred) firsts.push_back(one.first());
  std::ranges::sort(firsts);
  std::optional<Smaller> best;
  for (const std::uint32_t at : firsts) take_larger(best, smaller_on(supply.candidates[at], need));
  return best;
}

std::optional<NearMiss> told_of(const std::optional<Smaller>& smaller, const Need& need) {
  if (!smaller) return std::nullopt;
  return NearMiss{smaller->device_id,
                  fmt::format("{} MiB are asked for and {} has {}: {}", number_text(*need.memory_mib), smaller->name,
                              number_text(smaller->bytes / kMib), smaller_request(*need.memory_mib, smaller->bytes))};
}

std::optional<NearMiss> near_miss(const Supply& supply, const Need& need, const Scope& scope) {
  if (!need.memory_mib) return std::nullopt;
  Largest largest(supply, need);
  const Sights sights(supply, scope);
  for (std::uint32_t at = 0; at < supply.candidates.size(); ++at)
    if (sights.of(at) == Sights::Sight::Open)
      if (const auto smaller = smaller_on(supply.candidates[at], need)) largest.add(at, *smaller);
  return told_of(largest.best(), need);
}

std::optional<NearMiss> near_miss(const Stock& stock, const Need& need, const Scope& scope) {
  if (!need.memory_mib) return std::nullopt;
  Largest largest(stock.supply(), need);
  const Sights sights(stock.supply(), scope);
  for (const auto& [in_common, alike] : stock.kinds()) {
    const auto smaller = smaller_on(in_common, need);
    if (!smaller) continue;
    for (const std::uint32_t at : alike.members) {
      if (sights.of(at) != Sights::Sight::Open) continue;
      largest.add(at, *smaller);
      if (!largest.wants_all()) break;
    }
  }
  return told_of(largest.best(), need);
}

}  // namespace tessera::fleet::decision
