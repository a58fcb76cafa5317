#include "fleet/decision/replay.h"

#include <algorithm>
#include <tuple>

namespace tessera::fleet::decision {
namespace {

using NodeName = std::pair<std::string, std::string>;

NodeName node_of(const Candidate& one) { return {one.cluster, one.node}; }

/// What was given, and what came next.
std::set<std::size_t> named_in(const Decision& decision) {
  std::set<std::size_t> out;
  for (const Grant& one : decision.grants) out.insert(one.candidate);
  for (const RunnerUp& one : decision.runners_up) out.insert(one.grant.candidate);
  return out;
}

/// All devices of their nodes, which stand side by side.
std::set<std::size_t> beside(const Supply& supply, const std::set<std::size_t>& named) {
  const auto name = [](const Candidate& one) { return std::tie(one.cluster, one.node); };
  std::set<std::size_t> out;
  for (const std::size_t at : named) {
    const auto node = std::ranges::equal_range(supply.candidates, name(supply.candidates[at]), {}, name);
    for (auto one = node.begin(); one != node.end(); ++one)
      out.insert(static_cast<std::size_t>(one - supply.candidates.begin()));
  }
  return out;
}

std::set<std::size_t> all_of(const Supply& supply) {
  std::set<std::size_t> out;
  for (std::size_t at = 0; at < supply.candidates.size(); ++at) out.insert(out.end(), at);
  return out;
}

Supply part_of(const Supply& supply, const std::set<std::size_t>& kept) {
  Supply out{supply.as_of, {}, {}};
  for (const std::size_t at : kept) {
    out.candidates.push_back(supply.candidates[at]);
    if (const auto node = supply.nodes.find(node_of(out.candidates.back())); node != supply.nodes.end())
      out.nodes.insert(*node);
  }
  return out;
}

std::set<NodeName> closed_of(const Supply& supply, const Scope& scope) {
  std::set<NodeName> out;
  const Sights sights(supply, scope);
  for (std::size_t at = 0; at < supply.candidates.size(); ++at)
    if (sights.of(at) != Sights::Sight::Open) out.insert(node_of(supply.candidates[at]));
  return out;
}

Verdict decide_on(const Scene& scene, Policy& policy) {
  return decide_on_part(scene.supply, scene.need, policy,
                        [&](const std::string& cluster, const std::string& node) -> std::optional<std::string> {
                          if (scene.closed.contains({cluster, node})) return std::nullopt;
                          return "";
                        });
}

/// Keeps these devices; whether they are enough.
bool keeps(Scene& scene, const std::set<std::size_t>& kept, const Supply& supply, Policy& policy, const Scope& scope,
           const Decision& decision) {
  scene.supply = part_of(supply, kept);
  scene.closed = closed_of(scene.supply, scope);
  const Verdict again = decide_on(scene, policy);
  const auto* same = std::get_if<Decision>(&again);
  return same && gives_the_same(*same, decision);
}

}  // namespace

std::optional<Scene> scene_of(const Supply& supply, const Need& need, Policy& policy, const Scope& scope,
                              const Decision& decision, std::size_t most) {
  Scene out{.need = need, .policy = std::string(policy.name()), .mix = policy.mix()};
  const auto is_kept = [&](const std::set<std::size_t>& kept) {
    return kept.size() <= most && keeps(out, kept, supply, policy, scope, decision);
  };
  // One step after the other: more is looked for only where less is not enough.
  const auto named = named_in(decision);
  if (is_kept(named) || is_kept(beside(supply, named))) return out;
  if (supply.candidates.size() <= most && is_kept(all_of(supply))) return out;
  return std::nullopt;
}

Result<Verdict> replay(const Scene& scene) {
  const auto policy = TRY(make_policy(scene.policy, scene.mix));
  return decide_on(scene, *policy);
}

bool gives_the_same(const Decision& a, const Decision& b) {
  const auto is_same = [](const Grant& one, const Grant& other) {
    const auto what = [](const Grant& of) {
      return std::tie(of.cluster, of.node, of.device_uuid, of.kind, of.profile, of.placed, of.replicas, of.price_micros,
                      of.switches_on);
    };
    return what(one) == what(other);
  };
  return a.price_micros == b.price_micros && std::ranges::equal(a.grants, b.grants, is_same);
}

}  // namespace tessera::fleet::decision
