#include "server/api_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/inventory/catalogue.h"

namespace tessera::server {

using fleet::Device;
using fleet::Node;

const std::vector<std::string_view>& presence_names() {
  static const auto kNames = names_of(fleet::presence_name, fleet::kPresences);
  return kNames;
}

const std::vector<std::string_view>& health_names() {
  static const auto kNames = names_of(fleet::health_name, fleet::kHealths);
  return kNames;
}

const std::vector<std::string_view>& use_names() {
  static const auto kNames = names_of(fleet::use_name, fleet::kUses);
  return kNames;
}

const std::vector<std::string_view>& severity_names() {
  static const auto kNames = names_of(fleet::severity_name, fleet::kSeverities);
  return kNames;
}

std::vector<std::size_t> read_presences(Query& query) {
  const auto asked = query.words("presence", presence_names());
  return asked.empty() ? std::vector<std::size_t>{0, 1, 2} : asked;
}

Json placement_json(const gpu::Placement& placement) { return {{"start", placement.start}, {"size", placement.size}}; }

Json holders_json(const Device& device, const fleet::Part& part) {
  Json out = Json::array();
  for (const fleet::Allocation& one : device.allocations) {
    if (part.gpu_instance && !fleet::covers(one.part, part)) continue;
    const fleet::AllocationFacts& facts = *one.facts;
    out.push_back({{"instance", instance_ref(device, one.part)},
                   {"namespace", text_or_null(facts.workload.space)},
                   {"pod", text_or_null(facts.workload.pod)},
                   {"podUid", text_or_null(facts.workload.pod_uid)},
                   {"container", text_or_null(facts.workload.container)},
                   {"resource", text_or_null(facts.resource)},
                   {"shared", facts.shared},
                   {"replicas", or_null(facts.replicas)},
                   {"used", or_null(one.used)},
                   {"since", time_json(one.first_seen)}});
  }
  return out;
}

Json finding_json(const Node& node, const Device& device, const fleet::Problem& problem) {
  const std::string id = fleet::device_id(node.name, device.facts->index);
  const bool silent = problem.kind == "silent";
  return {{"id", fmt::format("{}-{}-{}", problem.key, node.cluster, device.facts->uuid)},
          {"cluster", node.cluster},
          {"node", node.name},
          {"deviceId", id},
          {"deviceUuid", device.facts->uuid},
          {"kind", problem.kind},
          {"severity", fleet::severity_name(problem.severity)},
          {"summary", fmt::format("{}: {}.", id, problem.what)},
          {"advice", problem.what_to_do},
          {"value", or_null(problem.value)},
          {"unit", text_or_null(problem.unit)},
          {"since", silent ? time_json(device.last_seen) : Json(nullptr)},
          {"lastSeen", time_json(device.last_seen)}};
}

bool NodeLabels::wants(const Node& node) const {
  static const fleet::LabelMap kNone;
  const fleet::ClusterNode* known = cluster->node(node.cluster, node.name);
  return kube::first_unmet(selector, known ? known->labels : kNone) == nullptr;
}

std::optional<NodeLabels> read_node_labels(Query& query, const fleet::ClusterView& cluster) {
  const auto text = query.text("labelSelector");
  if (!text) return std::nullopt;
  auto selector = kube::parse_selector(*text);
  if (!cluster.watched)
    query.fault("labelSelector",
                "labels of nodes are not known: this server watches no cluster (cluster-metadata.enabled)");
  else if (!selector)
    query.fault("labelSelector", selector.error().what);
  return NodeLabels{&cluster, selector ? *std::move(selector) : kube::Selector{}};
}

bool DeviceFilter::wants(const Node& node) const {
  return (!cluster || *cluster == node.cluster) && is_any(nodes, node.name) && (!labels || labels->wants(node));
}

bool DeviceFilter::wants(const Node& node, const Device& device) const {
  if (!devices.empty() && !is_any(devices, device.facts->uuid) &&
      !is_any(devices, fleet::device_id(node.name, device.facts->index)))
    return false;
  if (!models.empty() && !is_any(models, device.facts->name) &&
      !is_any(models, fleet::model_key_of(device.facts->name)))
    return false;
  return spaces.empty() || wants(device, {});
}

bool DeviceFilter::wants(const Device& device, const fleet::Part& part) const {
  const auto has = [&](const auto& one) {
    return (!part.gpu_instance || fleet::covers(one.part, part)) && wants(one.facts->workload);
  };
  return spaces.empty() || std::ranges::any_of(device.allocations, has) || std::ranges::any_of(device.sessions, has);
}

bool DeviceFilter::wants(const fleet::Workload& workload) const { return is_any(spaces, workload.space); }

bool has_text(std::string_view text, std::string_view wanted) { return lower(text).find(wanted) != std::string::npos; }

}  // namespace tessera::server
