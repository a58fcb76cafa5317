#include "fleet/cost/posting.h"

#include <algorithm>
#include <map>

#include "fleet/cost/split.h"

namespace tessera::fleet {
namespace {

constexpr std::array<std::string_view, kCostKinds> kKinds = {"used",        "held-idle",  "held-unknown",
                                                             "unallocated", "unobserved", "overhead"};
constexpr std::array<std::string_view, kCostBases> kBases = {"none", "held", "promised", "used"};

/// Device time in slices, which makes all shares of a device whole numbers: slices of both kinds multiplied, times ms.
using Weight = std::int64_t;
using Weights = std::vector<Weight>;

struct Leaf {
  CostLine line;
  Weight weight = 0;
};

Weight whole_units(const Slices& whole) { return whole.compute * whole.memory; }

/// As split(), and all 0 where there is nothing to go by.
Weights shares_of(Weight total, const Weights& weights) {
  if (std::ranges::all_of(weights, [](Weight one) { return one == 0; })) return Weights(weights.size());
  return split(total, weights);
}

/// What is had of a part, by the truth that counts for it.
struct Had {
  const Tenant* by = nullptr;
  CostBasis basis = CostBasis::Nobody;
  Weight weight = 0;
};

/// Of the time that its processes were there, what gives it the part.
std::int64_t claimed_by_use(const Tenant& of) { return of.outside ? 0 : of.used_ms; }

/// One after the other takes of `left` what it has had of it, those of one basis together as they have had it.
void take(std::vector<Had>& into, std::int64_t& left, std::vector<Had> claims) {
  Weights weights;
  Wide sum = 0;
  for (const Had& one : claims) {
    weights.push_back(one.weight);
    sum += one.weight;
  }
  const auto taken = static_cast<std::int64_t>(std::min<Wide>(left, sum));
  const Weights shares = shares_of(taken, weights);
  if (sum == 0) return;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    claims[i].weight = shares[i];
    if (shares[i] > 0) into.push_back(claims[i]);
  }
  left -= taken;
}

/// Of a part that one has at a time, in ms of owned_ms.
std::vector<Had> had_in_turn(const PartUsage& part, std::int64_t owned_ms) {
  std::vector<Had> held, promised, used, out;
  for (const Tenant& one : part.tenants) {
    held.push_back({&one, CostBasis::Held, one.held_ms});
    promised.push_back({&one, CostBasis::Promised, std::max<std::int64_t>(0, one.promised_ms - one.held_ms)});
    used.push_back({&one, CostBasis::Used,
                    std::max<std::int64_t>(0, claimed_by_use(one) - std::max(one.held_ms, one.promised_ms))});
  }
  std::int64_t left = owned_ms;
  for (auto* claims : {&held, &promised, &used}) take(out, left, std::move(*claims));
  return out;
}

/// Of a part that several have at a time, in ms of observed_ms and replicas.
std::vector<Had> had_together(const PartUsage& part, std::int64_t observed_ms) {
  std::vector<Had> held, used, out;
  for (const Tenant& one : part.tenants) {
    const std::int64_t held_ms = std::min(std::max(one.held_ms, one.promised_ms), observed_ms);
    const CostBasis basis = one.held_ms > 0 ? CostBasis::Held : CostBasis::Promised;
    held.push_back({&one, basis, held_ms * std::min(one.replicas, part.replicas)});
    used.push_back(
        {&one, CostBasis::Used, std::max<std::int64_t>(0, std::min(claimed_by_use(one), observed_ms) - held_ms)});
  }
  std::int64_t left = observed_ms * part.replicas;
  take(out, left, std::move(held));
  take(out, left, std::move(used));
  return out;
}

/// In proportion to use: of owned_ms, and by who holds it where nobody was seen to use it.
std::vector<Had> had_by_use(const PartUsage& part, std::int64_t owned_ms) {
  std::vector<Had> used, out;
  for (const Tenant& one : part.tenants)
    used.push_back({&one, one.held_ms > 0 ? CostBasis::Held : CostBasis::Used, claimed_by_use(one)});
  if (std::ranges::all_of(used, [](const Had& one) { return one.weight == 0; })) return had_in_turn(part, owned_ms);
  Weights weights;
  for (const Had& one : used) weights.push_back(one.weight);
  const Weights shares = split(owned_ms, weights);
  for (std::size_t i = 0; i < used.size(); ++i) {
    used[i].weight = shares[i];
    if (shares[i] > 0) out.push_back(used[i]);
  }
  return out;
}

/// Work that nobody can have done who was given the part, by processes outside of pods: in ms of observed_ms and
/// `each`, of which `left` are left.
std::vector<Had> worked_outside(const PartUsage& part, std::int64_t owned_ms, std::int64_t left, std::int64_t each) {
  std::vector<Had> there, out;
  for (const Tenant& one : part.tenants)
    if (one.outside) there.push_back({&one, CostBasis::Used, one.used_ms * each});
  std::int64_t worked = std::clamp<std::int64_t>((part.busy_ms - owned_ms) * each, 0, left);
  take(out, worked, std::move(there));
  return out;
}

/// Of the time in which somebody had a part: used, idle, unknown. What works is had by somebody, so all that it worked
/// is of this time; and as much of it is known as of all the time that the part was observed.
Weights activity_of(const PartUsage& part, std::int64_t owned) {
  const std::int64_t known_ms = std::clamp<std::int64_t>(part.busy_known_ms, 0, part.observed_ms);
  const std::int64_t known = static_cast<std::int64_t>(Wide{owned} * known_ms / part.observed_ms);
  const std::int64_t used = std::clamp<std::int64_t>(part.busy_ms, 0, known);
  return {used, known - used, owned - known};
}

void add_tenant(std::vector<Leaf>& into, const PartUsage& part, const Had& had, std::int64_t owned_ms, Weight budget) {
  const auto line = [&](CostKind kind) { return CostLine{part.subject, had.by->owner, kind, had.basis}; };
  if (had.by->overhead) {
    into.push_back({line(CostKind::Overhead), budget});
    return;
  }
  const Weights shares = shares_of(budget, activity_of(part, owned_ms));
  constexpr std::array kKindsHeld = {CostKind::Used, CostKind::HeldIdle, CostKind::HeldUnknown};
  for (std::size_t i = 0; i < kKindsHeld.size(); ++i) into.push_back({line(kKindsHeld[i]), shares[i]});
}

/// `budget` is of the time in which the part was observed.
void add_part(std::vector<Leaf>& into, const PartUsage& part, Weight budget, const PostingOptions& options) {
  const std::int64_t owned_ms = std::min(given_ms(part), part.observed_ms);
  const bool shared = part.replicas > 1;
  const bool by_replicas = shared && options.shared_by == SharedBy::Requested;
  const std::int64_t each = by_replicas ? part.replicas : 1;
  const auto had = by_replicas ? had_together(part, part.observed_ms)
                   : shared    ? had_by_use(part, owned_ms)
                               : had_in_turn(part, owned_ms);
  Weights weights;
  std::int64_t left = part.observed_ms * each;
  const auto weigh = [&](const Had& one) {
    weights.push_back(one.weight);
    left -= one.weight;
  };
  std::ranges::for_each(had, weigh);
  const auto outside = worked_outside(part, owned_ms, left, each);
  std::ranges::for_each(outside, weigh);
  weights.push_back(left);
  const Weights shares = shares_of(budget, weights);
  auto share = shares.begin();
  for (const Had& one : had) add_tenant(into, part, one, owned_ms, *share++);
  for (const Had& one : outside) {
    const CostKind kind = one.by->overhead ? CostKind::Overhead : CostKind::Used;
    into.push_back({{part.subject, one.by->owner, kind, one.basis}, *share++});
  }
  into.push_back({{part.subject, 0, CostKind::Unallocated, CostBasis::Nobody}, shares.back()});
}

/// What becomes of a device's time, in weights that add up to all of it.
std::vector<Leaf> leaves_of(const DeviceUsage& of, std::int64_t whole_ms, const PostingOptions& options) {
  const Weight units = whole_units(of.whole);
  const std::int64_t observed_ms = std::min(of.observed_ms, whole_ms);
  std::vector<Leaf> out;
  out.push_back({{of.subject, 0, CostKind::Unobserved, CostBasis::Nobody}, units * (whole_ms - observed_ms)});
  Weights weights;
  Weight left = units * observed_ms;
  for (const PartUsage& part : of.parts) {
    weights.push_back(units_of(part.slices, of.whole, options.share_by) * std::min(part.observed_ms, observed_ms));
    left -= weights.back();
  }
  // More than the device has where one layout holds still while the next one is told, and by the larger of both shares.
  weights.push_back(std::max<Weight>(0, left));
  const Weights shares = shares_of(units * observed_ms, weights);
  for (std::size_t i = 0; i < of.parts.size(); ++i) add_part(out, of.parts[i], shares[i], options);
  out.push_back({{of.subject, 0, CostKind::Unallocated, CostBasis::Nobody}, shares.back()});
  return out;
}

}  // namespace

std::string_view cost_kind_name(CostKind kind) { return kKinds[static_cast<std::size_t>(kind)]; }
std::string_view cost_basis_name(CostBasis basis) { return kBases[static_cast<std::size_t>(basis)]; }

std::optional<CostKind> cost_kind_named(std::string_view name) {
  const auto* found = std::ranges::find(kKinds, name);
  if (found == kKinds.end()) return std::nullopt;
  return static_cast<CostKind>(found - kKinds.begin());
}

std::optional<CostBasis> cost_basis_named(std::string_view name) {
  const auto* found = std::ranges::find(kBases, name);
  if (found == kBases.end()) return std::nullopt;
  return static_cast<CostBasis>(found - kBases.begin());
}

std::int64_t units_of(const Slices& part, const Slices& whole, ShareBy by) {
  const std::int64_t compute = std::min(part.compute, whole.compute) * whole.memory;
  const std::int64_t memory = std::min(part.memory, whole.memory) * whole.compute;
  switch (by) {
    case ShareBy::ComputeSlices:
      return compute;
    case ShareBy::Memory:
      return memory;
    case ShareBy::LargerOfBoth:
      break;
  }
  return std::max(compute, memory);
}

std::int64_t given_ms(const PartUsage& part) {
  const auto outside = [](const Tenant& one) { return one.outside && one.used_ms > 0; };
  if (std::ranges::none_of(part.tenants, outside)) return part.owned_ms;
  Wide sum = 0;
  for (const Tenant& one : part.tenants) sum += std::max({one.held_ms, one.promised_ms, claimed_by_use(one)});
  return static_cast<std::int64_t>(std::min<Wide>(part.owned_ms, sum));
}

std::vector<Posting> post(const DeviceUsage& of, const Charge& charge, const PostingOptions& options) {
  const std::int64_t whole_ms = of.to - of.from;
  if (whole_ms <= 0) return {};
  std::map<CostLine, Weight> lines;
  for (const Leaf& leaf : leaves_of(of, whole_ms, options)) lines[leaf.line] += leaf.weight;
  std::erase_if(lines, [](const auto& one) { return one.second == 0; });
  Weights weights;
  for (const auto& [line, weight] : lines) weights.push_back(weight);
  const Weights money = split(charge.micros, weights), time = split(whole_ms, weights),
                unpriced = split(charge.unpriced_ms, weights);
  std::vector<Posting> out;
  for (const auto& [line, weight] : lines) {
    const std::size_t i = out.size();
    out.push_back({line, {money[i], time[i], unpriced[i]}});
  }
  return out;
}

std::vector<Posting> merged(std::vector<Posting> postings) {
  std::map<CostLine, CostAmount> lines;
  for (const Posting& one : postings) {
    CostAmount& sum = lines[one.line];
    sum.micros += one.amount.micros;
    sum.device_ms += one.amount.device_ms;
    sum.unpriced_ms += one.amount.unpriced_ms;
  }
  postings.clear();
  for (const auto& [line, amount] : lines) postings.push_back({line, amount});
  return postings;
}

}  // namespace tessera::fleet
