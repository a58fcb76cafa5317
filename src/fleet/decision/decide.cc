#include "fleet/decision/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "fleet/decision/options.h"
#include "fleet/decision/refusal.h"
#include "fleet/decision/text.h"

namespace tessera::fleet::decision {
namespace {

constexpr std::size_t kRunnersUp = 3;

struct Choice {
  std::size_t candidate = 0;
  Option option;
  Cost cost;

  /// By which the stated order of ties goes.
  auto rank() const {
    return std::tuple(cost.value, option.piece == nullptr, option.destroyed, candidate,
                      option.profile ? size_of(*option.profile) : 0, option.placement.start,
                      option.profile ? option.profile->id : 0);
  }
  bool operator<(const Choice& other) const { return rank() < other.rank(); }
};

Kind kind_of(const Option& option) {
  if (option.piece) return Kind::Instance;
  if (option.profile) return Kind::Placement;
  return option.share_milli > 0 ? Kind::Share : Kind::Device;
}

Grant grant_of(const Choice& choice, const Need& need) {
  const Option& option = choice.option;
  const Candidate& on = *option.candidate;
  Grant out{.candidate = choice.candidate,
            .cluster = on.cluster,
            .node = on.node,
            .device_id = on.id,
            .device_uuid = on.uuid,
            .model = on.model,
            .kind = kind_of(option),
            .price_micros = price_of(option)};
  if (!option.profile) {
    out.memory_bytes = on.memory_bytes;
    out.sm_count = on.sm_count;
    if (option.share_milli == 0) return out;
    out.share_milli = option.share_milli;
    out.memory_bytes = need.memory_mib ? std::optional(*need.memory_mib * 1024 * 1024) : std::nullopt;
    return out;
  }
  out.profile = option.profile->name;
  out.placed = gpu::Placed{option.profile->id, option.placement};
  out.memory_bytes = option.profile->memory_bytes;
  out.compute_slices = option.profile->compute_slices;
  out.sm_count = option.profile->sm_count;
  if (option.piece) {
    out.gpu_instance = option.piece->gpu_instance;
    out.instance_uuid = option.piece->uuid;
  } else {
    out.partition = *make_room(on.offered(), standing_of(on), *out.placed);
  }
  return out;
}

/// "a new 2g.20gb at 4 on w-01-GPU-00"
std::string what(const Grant& grant) {
  switch (grant.kind) {
    case Kind::Instance:
      return fmt::format("the {} that stands idle at {} on {}", grant.profile, grant.placed->placement.start,
                         grant.device_id);
    case Kind::Placement:
      return fmt::format("a new {} at {} on {}", grant.profile, grant.placed->placement.start, grant.device_id);
    case Kind::Share:
      return fmt::format("{} thousandths of {}", *grant.share_milli, grant.device_id);
    case Kind::Device:
      break;
  }
  return fmt::format("the whole of {} ({})", grant.device_id, grant.model);
}

Reason reason_of(const Choice& best, const std::vector<Grant>& grants, std::size_t ways, const Policy& policy) {
  Reason out{std::string(policy.name()), {}, {}};
  std::vector<std::string> things, factors;
  for (const Grant& one : grants) things.push_back(what(one));
  for (const Term& term : best.cost.terms) {
    out.factors.push_back({std::string(term.key), policy.explain(term), term.value});
    factors.push_back(out.factors.back().text);
  }
  out.sentence = fmt::format("It gets {}: ", join(things));
  if (ways <= grants.size())
    out.sentence += "nothing else fits";
  else if (factors.empty())
    out.sentence += fmt::format("the first of {} that fit", ways);
  else
    out.sentence += fmt::format("of {} ways it costs the fleet least ({})", ways, join(factors));
  return out;
}

std::string why_not(const Choice& other, const Choice& best, const Policy& policy) {
  if (!(best.cost.value < other.cost.value)) return "it is as good, and comes later";
  std::vector<std::string> factors;
  for (const Term& term : other.cost.terms) factors.push_back(policy.explain(term));
  return factors.empty() ? "it costs more" : fmt::format("it costs more: {}", join(factors));
}

/// The best ones of other devices; `ways` are sorted.
std::vector<RunnerUp> runners_up(const std::vector<Choice>& ways, std::span<const Grant> grants, const Need& need,
                                 const Policy& policy) {
  std::vector<RunnerUp> out;
  std::vector<std::size_t> shown;
  for (const Grant& one : grants) shown.push_back(one.candidate);
  for (const Choice& one : ways) {
    if (out.size() == kRunnersUp) break;
    if (std::ranges::count(shown, one.candidate) > 0) continue;
    shown.push_back(one.candidate);
    out.push_back({grant_of(one, need), why_not(one, ways.front(), policy)});
  }
  return out;
}

/// The node whose devices, so many as needed, are best together; of equal ones the first. Empty if none has enough.
std::vector<Choice> together(const std::vector<Choice>& ways, unsigned devices) {
  std::map<std::pair<std::string_view, std::string_view>, std::vector<Choice>> nodes;
  for (const Choice& one : ways) {
    const Candidate& on = *one.option.candidate;
    auto& of_node = nodes[{on.cluster, on.node}];
    if (of_node.size() < devices) of_node.push_back(one);
  }
  const auto cost = [](const std::vector<Choice>& of) {
    double sum = 0;
    for (const Choice& one : of) sum += one.cost.value;
    return std::pair(sum, of.front().candidate);
  };
  std::vector<Choice> best;
  for (auto& [node, of] : nodes)
    if (of.size() == devices && (best.empty() || cost(of) < cost(best))) best = of;
  return best;
}

}  // namespace

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"instance", "placement", "device", "share"};
  return kNames[static_cast<std::size_t>(kind)];
}

Verdict decide(const Supply& supply, const Need& need, Policy& policy) {
  std::vector<Choice> ways;
  std::vector<Failure> failures(supply.candidates.size());
  for (std::size_t i = 0; i < supply.candidates.size(); ++i) {
    auto found = examine(supply.candidates[i], need);
    if (const auto* options = std::get_if<0>(&found)) {
      for (const Option& one : *options) ways.push_back({i, one, policy.cost(one, need)});
      failures[i] = {Cause::Together, "it alone would do", 0};
    } else {
      failures[i] = std::get<1>(std::move(found));
    }
  }
  std::sort(ways.begin(), ways.end());
  std::vector<Choice> chosen;
  if (need.devices == 1) {
    if (!ways.empty()) chosen = {ways.front()};
  } else if (need.same_node) {
    chosen = together(ways, need.devices);
  } else if (ways.size() >= need.devices) {
    chosen.assign(ways.begin(), ways.begin() + need.devices);
  }
  if (chosen.empty()) return refuse(supply, need, failures);
  Decision out;
  for (const Choice& one : chosen) {
    out.grants.push_back(grant_of(one, need));
    const auto price = out.grants.back().price_micros;
    if (out.grants.size() == 1)
      out.price_micros = price;
    else
      out.price_micros = out.price_micros && price ? std::optional(*out.price_micros + *price) : std::nullopt;
  }
  out.reason = reason_of(chosen.front(), out.grants, ways.size(), policy);
  out.runners_up = runners_up(ways, out.grants, need, policy);
  return out;
}

}  // namespace tessera::fleet::decision
