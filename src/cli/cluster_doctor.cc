#include "cli/cluster_doctor.h"

#include <fmt/format.h>

#include "base/grid.h"
#include "cli/cluster_sight.h"

namespace tessera::cli {
namespace {

/// The checks, in their order; names are fixed, scripts rely on them.
constexpr struct {
  std::string_view name, looks_at;
  Findings (*judge)(const ClusterSight&);
} kClusterChecks[] = {
    {"gpu-nodes", "which nodes have GPUs, by label or resource", judge_gpu_nodes},
    {"device-plugin", "do their kubelets give GPUs to pods", judge_device_plugin},
    {"agents", "has each of them an agent, and if not: taint, selector, refusal, image, crash", judge_agents},
    {"pod-security", "may agents see the host's processes, have they the uid they need", judge_pod_security},
    {"rights", "may relay, server and operator list what they need", judge_rights},
    {"workloads", "are relay, server and operator ready", judge_workloads},
    {"resource", "what the conditions of the GpuMonitor say", judge_resource},
    {"targets", "does the relay hear of each of its targets", judge_targets},
};

Finding nobody(const Error& error, const std::string& where) {
  const bool denied = error.code == Code::Denied;
  return {Status::Problem,
          where,
          harmless(error.what),
          denied ? "Ask as somebody who may read the cluster: --kubeconfig FILE, --context NAME."
                 : "Name the cluster: --kubeconfig FILE, --context NAME, or --api URL of a `kubectl proxy`.",
          {"kubectl cluster-info"}};
}

}  // namespace

std::string_view cluster_checks_text() {
  static const std::string text = [] {
    std::string out = "With --cluster only the Kubernetes cluster is looked at:\n";
    for (const auto& [name, looks_at, judge] : kClusterChecks) out += fmt::format("  {:<18} {}\n", name, looks_at);
    return out;
  }();
  return text;
}

Report judge_cluster(const ClusterSight& sight) {
  Report out;
  Findings api = {{Status::Ok, sight.url, fmt::format("Kubernetes {}", sight.version), "", {}}};
  for (const std::string& why : sight.unseen)
    api.push_back({Status::Note, sight.url, harmless(why), "What depends on it was not looked at.", {}});
  out.push_back({"api", std::move(api)});
  for (const auto& check : kClusterChecks) out.push_back({check.name, check.judge(sight)});
  return out;
}

Diagnosis examine_cluster(const ClusterPlace& place, const Environment& environment) {
  Diagnosis out;
  const auto server = find_api_server(place, environment);
  if (!server) {
    out.report.push_back({"api", {nobody(server.error(), "kubeconfig")}});
    return out;
  }
  const auto sight = look_at_cluster(*server, place.patience);
  if (sight)
    out.report = judge_cluster(*sight);
  else
    out.report.push_back({"api", {nobody(sight.error(), server->url)}});
  return out;
}

}  // namespace tessera::cli
