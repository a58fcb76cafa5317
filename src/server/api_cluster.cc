#include "server/api_cluster.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/admission/labels.h"

namespace tessera::server {
namespace {

Json taints_json(const fleet::ClusterNode& node) {
  Json out = Json::array();
  for (const fleet::Taint& one : node.taints)
    out.push_back({{"key", one.key}, {"value", text_or_null(one.value)}, {"effect", one.effect}});
  return out;
}

Json conditions_json(const fleet::ClusterNode& node) {
  Json out = Json::array();
  for (const fleet::NodeCondition& one : node.conditions)
    out.push_back({{"type", one.type}, {"status", one.status}, {"reason", text_or_null(one.reason)}});
  return out;
}

const fleet::ResourceUse* use_in(const std::shared_ptr<const fleet::ResourceUses>& uses, const std::string& key) {
  if (!uses) return nullptr;
  const auto found = uses->find(key);
  return found == uses->end() ? nullptr : &found->second;
}

}  // namespace

Json kubernetes_json(const fleet::ClusterView& cluster, const fleet::Node& of) {
  const fleet::ClusterNode* node = cluster.node(of.cluster, of.name);
  if (!node) return nullptr;
  const fleet::ResourceUse* use = use_in(cluster.node_use, node->name);
  return {{"ready", or_null(node->ready)},
          {"cordoned", node->cordoned},
          {"labels", node->labels},
          {"taints", taints_json(*node)},
          {"conditions", conditions_json(*node)},
          {"allocatable", node->allocatable},
          {"capacity", node->capacity},
          {"cpuCoresUsed", use ? Json(use->cpu_cores) : Json(nullptr)},
          {"cpuCoresAllocatable", or_null(node->allocatable_cpu_cores)},
          {"memoryBytesUsed", use ? bytes_or_null(use->memory_bytes) : Json(nullptr)},
          {"memoryBytesAllocatable", bytes_or_null(node->allocatable_memory_bytes)},
          {"created", text_or_null(node->created)}};
}

Json kubernetes_json(const fleet::ClusterView& cluster, const fleet::ClusterPod& pod) {
  const fleet::ResourceUse* use = use_in(cluster.pod_use, fleet::pod_key(pod.space, pod.name));
  Json waits = nullptr;
  if (pod.node.empty()) {
    // At our own gate we know more than the scheduler, which has not been asked.
    const auto note = pod.notes.find(std::string(kStateNote));
    const bool ours = std::ranges::count(pod.gates, kGate) > 0 && note != pod.notes.end();
    const std::string why = pod.waits_reason.empty() && !pod.gates.empty() ? "SchedulingGated" : pod.waits_reason;
    waits = {{"reason", text_or_null(why)},
             {"message", text_or_null(ours ? note->second : pod.waits_message)},
             {"since", text_or_null(pod.waits_since.empty() ? pod.created : pod.waits_since)}};
  }
  return {{"phase", text_or_null(pod.phase)},
          {"deleting", pod.deleting},
          {"labels", pod.labels},
          {"owner", pod.owner_kind.empty() ? Json(nullptr) : Json{{"kind", pod.owner_kind}, {"name", pod.owner_name}}},
          {"requests", pod.requests},
          {"waiting", std::move(waits)},
          {"cpuCoresUsed", use ? Json(use->cpu_cores) : Json(nullptr)},
          {"cpuCoresRequested", or_null(pod.cpu_request_cores)},
          {"memoryBytesUsed", use ? bytes_or_null(use->memory_bytes) : Json(nullptr)},
          {"memoryBytesRequested", bytes_or_null(pod.memory_request_bytes)},
          {"created", text_or_null(pod.created)}};
}

}  // namespace tessera::server
