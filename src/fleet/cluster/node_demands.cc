#include "fleet/cluster/node_demands.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "fleet/cluster/cluster.h"

namespace tessera::fleet {
namespace {

/// Nothing where the node has no such label or field.
std::optional<std::string> value_of(const NodeRequirement& of, const ClusterNode& node) {
  if (of.is_field) return of.key == "metadata.name" ? std::optional(node.name) : std::nullopt;
  const auto found = node.labels.find(of.key);
  return found == node.labels.end() ? std::nullopt : std::optional(found->second);
}

bool holds(const NodeRequirement& one, const ClusterNode& node) {
  const auto value = value_of(one, node);
  const bool among = value && std::ranges::count(one.values, *value) > 0;
  if (one.op == "In") return among;
  if (one.op == "NotIn") return !among;
  if (one.op == "Exists") return value.has_value();
  if (one.op == "DoesNotExist") return !value;
  const auto number = value ? parse_int(*value) : std::nullopt;
  const auto bound = one.values.size() == 1 ? parse_int(one.values[0]) : std::nullopt;
  if (!number || !bound) return false;
  return one.op == "Gt" ? *number > *bound : one.op == "Lt" && *number < *bound;
}

bool bears(const Toleration& one, const Taint& taint) {
  if (!one.effect.empty() && one.effect != taint.effect) return false;
  if (one.op == "Exists") return one.key.empty() || one.key == taint.key;
  return one.key == taint.key && one.value == taint.value;
}

bool bears(const NodeDemands& demands, const Taint& taint) {
  return std::ranges::any_of(demands.tolerations, [&](const Toleration& one) { return bears(one, taint); });
}

}  // namespace

std::string why_not_on(const NodeDemands& demands, const ClusterNode& node) {
  if (node.cordoned && !bears(demands, {"node.kubernetes.io/unschedulable", "", "NoSchedule"})) return "it is cordoned";
  for (const Taint& taint : node.taints)
    if (taint.effect != "PreferNoSchedule" && !bears(demands, taint))
      return fmt::format("its taint {}{}{}:{} is not tolerated", taint.key, taint.value.empty() ? "" : "=", taint.value,
                         taint.effect);
  for (const auto& [key, value] : demands.selector)
    if (const auto found = node.labels.find(key); found == node.labels.end() || found->second != value)
      return fmt::format("the pod's nodeSelector wants {}={}", key, value);
  const auto all_hold = [&](const NodeTerm& term) {
    return !term.empty() && std::ranges::all_of(term, [&](const NodeRequirement& one) { return holds(one, node); });
  };
  if (demands.terms && std::ranges::none_of(*demands.terms, all_hold))
    return "the pod's node affinity does not want it";
  return {};
}

}  // namespace tessera::fleet
