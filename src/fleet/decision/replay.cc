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

std::set<std::size_t> beside(const Supply& supply, const std::set<std::size_t>& named) {
  std::set<NodeName> nodes;
  for (const std::size_t at : named) nodes.insert(node_of(supply.candidates[at]));
  std::set<std::size_t> out;
  for (std::size_t at = 0; at < supply.candidates.size(); ++at)
    if (nodes.contains(node_of(supply.candidates[at]))) out.insert(at);
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

bool is_enough(const Scene& scene, const Decision& decision) {
  const auto again = replay(scene);
  const auto* same = again ? std::get_if<Decision>(&*again) : nullptr;
  return same && gives_the_same(*same, decision);
}

}  // namespace

std::optional<Scene> scene_of(const Supply& supply, const Need& need, const Mix& mix, const Scope& scope,
                              const Decision& decision, std::size_t most) {
  Scene out{.need = need, .policy = decision.reason.policy, .mix = mix};
  const auto named = named_in(decision);
  // One step after the other: the whole is looked for only where its parts are not enough.
  for (const auto& kept_of : {+[](const Supply&, const std::set<std::size_t>& of) { return of; }, +beside,
                              +[](const Supply& all, const std::set<std::size_t>&) { return all_of(all); }}) {
    const auto kept = kept_of(supply, named);
    if (kept.size() > most) return std::nullopt;
    out.supply = part_of(supply, kept);
    out.closed = closed_of(out.supply, scope);
    if (is_enough(out, decision)) return out;
  }
  return std::nullopt;
}

Result<Verdict> replay(const Scene& scene) {
  const auto policy = TRY(make_policy(scene.policy, scene.mix));
  return decide(scene.supply, scene.need, *policy,
                [&](const std::string& cluster, const std::string& node) -> std::optional<std::string> {
                  if (scene.closed.contains({cluster, node})) return std::nullopt;
                  return "";
                });
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
