// GPU nodes of a cluster, and what is on them.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>

#include "cli/cluster_calls.h"
#include "cli/cluster_doctor.h"
#include "cli/cluster_sight.h"
#include "cli/placement.h"

namespace tessera::cli {
namespace {

constexpr const char* kInstall =
    "helm upgrade --install tessera deploy/helm/tessera --namespace tessera --create-namespace";

std::string name_of(const JsonValue& object) { return text_cell(object, "metadata.name"); }

std::vector<const JsonValue*> gpu_nodes(const ClusterSight& sight) {
  std::vector<const JsonValue*> out;
  for (const JsonValue& node : sight.nodes)
    if (is_gpu_node(node)) out.push_back(&node);
  return out;
}

bool is_agent(const JsonValue& object) {
  return label_of(object, "app.kubernetes.io/name") == "tessera-agent" ||
         label_of(object, "app.kubernetes.io/component") == "node-agent";
}
bool is_dcgm_exporter(const JsonValue& pod) {
  return label_of(pod, "app.kubernetes.io/name") == "dcgm-exporter" || label_of(pod, "app") == "nvidia-dcgm-exporter";
}

/// Why a node has no agent that works: a kind of reason, and what to do about it. Nodes of one reason are told
/// together.
struct Lack {
  std::string why, advice;
  std::vector<std::string> commands{};  ///< of the first of them
};

/// Why a node that the DaemonSet is for has no pod of it.
Lack no_pod(const ClusterSight& sight, const JsonValue& set, const JsonValue& node) {
  const std::string space = text_cell(set, "metadata.namespace");
  for (const JsonValue& pod : sight.leaving)
    if (is_agent(pod) && text_cell(pod, "metadata.namespace") == space &&
        text_cell(pod, "spec.nodeName") == name_of(node))
      return {fmt::format("the agent of DaemonSet {} is being deleted, and the next one comes after it", place_of(set)),
              "Where it stays so, the node's kubelet does not answer: see the node.",
              {fmt::format("kubectl -n {} describe pod {}", space, name_of(pod)),
               fmt::format("kubectl describe node {}", name_of(node))}};
  for (const JsonValue& event : sight.refusals)
    if (text_cell(event, "involvedObject.name") == name_of(set) &&
        text_cell(event, "involvedObject.namespace") == space)
      return {fmt::format("its pod is refused: {}", text_cell(event, "message")),
              "Pod security, a quota or an admission webhook refuses it: the words above name which.",
              {fmt::format("kubectl label namespace {} pod-security.kubernetes.io/enforce=privileged", space)}};
  return {fmt::format("DaemonSet {} has made no pod for it", place_of(set)),
          "The controller is behind, or may not: see the DaemonSet's events.",
          {fmt::format("kubectl -n {} describe daemonset {}", space, name_of(set))}};
}

/// Why no pod of these DaemonSets is on the node.
Lack not_placed(const ClusterSight& sight, const JsonValue& node) {
  if (!sight.daemon_sets.is_array())
    return {"why cannot be seen: DaemonSets may not be listed", "Ask as an administrator."};
  std::optional<Lack> out;
  for (const JsonValue& set : sight.daemon_sets) {
    if (!is_agent(set)) continue;
    const JsonValue& pod = member(set, "spec.template.spec");
    if (const std::string unmet = unmet_selector(pod, node); !unmet.empty()) {
      if (!out)
        out = Lack{fmt::format("{} of DaemonSet {} does not hold", unmet, place_of(set)),
                   "Label these nodes, or say which labels GPU nodes have (chart: nodeSelector; GpuMonitor: "
                   "nodeAgent.nodeSelector)."};
      continue;
    }
    if (const std::string taint = untolerated_taint(pod, node); !taint.empty())
      return {
          fmt::format("the taint {} is not tolerated by DaemonSet {}", taint, place_of(set)),
          "Add it to the tolerations (chart: tolerations; GpuMonitor: nodeAgent.tolerations): key, operator: Exists, "
          "effect."};
    return no_pod(sight, set, node);
  }
  if (out) return *out;
  return {"there is no DaemonSet of agents",
          "Install the chart, or apply a GpuMonitor with nodeAgent and gpuMonitoring.",
          {kInstall}};
}

struct OnNode {
  std::vector<const JsonValue*> agents, dcgm;
};

std::map<std::string, OnNode> pods_by_node(const ClusterSight& sight) {
  std::map<std::string, OnNode> out;
  for (const JsonValue& pod : sight.pods) {
    OnNode& node = out[text_cell(pod, "spec.nodeName")];
    if (is_agent(pod))
      node.agents.push_back(&pod);
    else if (is_dcgm_exporter(pod))
      node.dcgm.push_back(&pod);
  }
  return out;
}

bool any_works(const std::vector<const JsonValue*>& pods) {
  return std::ranges::any_of(pods, [](const JsonValue* pod) { return trouble_of(*pod).empty(); });
}

Lack broken(const JsonValue& pod) {
  return {fmt::format("the agent is not ready: {}", trouble_of(pod)),
          "See the pod's events and log.",
          {fmt::format("kubectl -n {} describe pod {}", text_cell(pod, "metadata.namespace"), name_of(pod)),
           fmt::format("kubectl -n {} logs {} --previous", text_cell(pod, "metadata.namespace"), name_of(pod))}};
}

}  // namespace

Findings judge_gpu_nodes(const ClusterSight& sight) {
  if (!sight.nodes.is_array()) return {};
  const auto nodes = gpu_nodes(sight);
  if (nodes.empty())
    return {{Status::Warning,
             "nodes",
             fmt::format("none of {} has a label or a resource that tells of an NVIDIA GPU",
                         count_of(sight.nodes.size(), "node")),
             "Install NVIDIA's GPU operator or GPU feature discovery, or label the nodes by hand.",
             {"kubectl label node NODE nvidia.com/gpu.present=true"}}};
  return {{Status::Ok,
           "nodes",
           fmt::format("{} of {} with GPUs", nodes.size(), count_of(sight.nodes.size(), "node")),
           "",
           {}}};
}

Findings judge_device_plugin(const ClusterSight& sight) {
  std::vector<std::string> without, unhealthy;
  std::size_t fine = 0;
  for (const JsonValue* node : gpu_nodes(sight)) {
    if (gpu_resources(*node, "capacity") == 0)
      without.push_back(name_of(*node));
    else if (gpu_resources(*node, "allocatable") == 0)
      unhealthy.push_back(name_of(*node));
    else
      ++fine;
  }
  Findings out;
  if (fine > 0)
    out.push_back({Status::Ok, "nodes", fmt::format("{} offer GPUs to pods", count_of(fine, "node")), "", {}});
  if (!without.empty())
    out.push_back(
        {Status::Warning,
         "nodes",
         fmt::format("no device plugin has told the kubelet of GPUs: {}", named(without)),
         "No pod can ask for a GPU there. Run NVIDIA's device plugin (or its DRA driver) on them; see its log "
         "where it runs already.",
         {"kubectl get pods --all-namespaces --output wide | grep -i device-plugin"}});
  if (!unhealthy.empty())
    out.push_back({Status::Problem,
                   "nodes",
                   fmt::format("the device plugin calls every GPU unhealthy: {}", named(unhealthy)),
                   "The driver or the devices are broken there: run `tessera doctor` on the node.",
                   {}});
  return out;
}

Findings judge_agents(const ClusterSight& sight) {
  if (!sight.pods.is_array()) return {};
  const auto pods = pods_by_node(sight);
  std::map<std::string, std::pair<Lack, std::vector<std::string>>> lacks;  // by why
  std::vector<std::string> others;
  std::size_t fine = 0;
  for (const JsonValue* node : gpu_nodes(sight)) {
    const auto on = pods.find(name_of(*node));
    const OnNode here = on == pods.end() ? OnNode{} : on->second;
    if (any_works(here.agents))
      ++fine;
    else if (any_works(here.dcgm))
      others.push_back(name_of(*node));
    else {
      const Lack lack = here.agents.empty() ? not_placed(sight, *node) : broken(*here.agents[0]);
      lacks.try_emplace(lack.why, lack, std::vector<std::string>()).first->second.second.push_back(name_of(*node));
    }
  }
  Findings out;
  if (fine > 0) out.push_back({Status::Ok, "agents", fmt::format("ready on {}", count_of(fine, "GPU node")), "", {}});
  if (!others.empty())
    out.push_back({Status::Note,
                   "agents",
                   fmt::format("observed by dcgm-exporter alone: {}", named(others)),
                   "Its metrics have no sessions (processes): for those, run agents there too.",
                   {}});
  for (const auto& [why, told] : lacks)
    out.push_back({Status::Problem, "agents", fmt::format("no agent on {}: {}", named(told.second), why),
                   told.first.advice, told.first.commands});
  return out;
}

}  // namespace tessera::cli
