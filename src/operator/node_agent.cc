// GPUs of nodes: a DaemonSet of tessera-agent or dcgm-exporter, and one more for each override.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/default_counters.h"
#include "operator/node_groups.h"
#include "operator/selectors.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kCsv = "metrics.csv";

/// What the agents of a group of nodes are.
struct Group {
  std::string name;  ///< empty: the rest
  GpuMonitoring gpu;
  NodeAgent agent;
  std::size_t before = 0;  ///< as many overrides have their nodes first
};

Group rest_of(const Spec& spec) {
  return {"", spec.features.k8s_agent.gpu, spec.features.k8s_agent.node_agent, spec.overrides.size()};
}

Group group_of(const Spec& spec, std::size_t index) {
  const Override& own = spec.overrides[index];
  Group out = rest_of(spec);
  out.name = name_of(own);
  out.before = index;
  for (const auto& [key, value] : own.node_selector) out.agent.workload.node_selector[key] = value;
  if (own.interval) out.gpu.interval = *own.interval;
  if (!own.metrics_csv.empty()) {
    out.gpu.metrics_csv = own.metrics_csv;
    out.gpu.config_map.reset();
  }
  if (own.resources.given()) out.agent.workload.resources = out.gpu.dcgm.resources = own.resources;
  return out;
}

std::string csv_of(const Group& group) {
  return group.gpu.metrics_csv.empty() ? std::string(default_counters_csv()) : group.gpu.metrics_csv;
}

Part part_of(const Making& making, const Group& group) {
  Part out = node_agent_part(making);
  if (!group.name.empty()) out.name += "-" + group.name;
  out.group = group.name.empty() ? std::string(kRest) : group.name;
  return out;
}

bool has_own_csv(const Making& making, const Group& group) {
  return group.name.empty() || csv_of(group) != csv_of(rest_of(making.spec()));
}

/// The ConfigMap with a group's CSV: the customer's, else ours; one serves all groups with the same text.
std::string config_map_of(const Making& making, const Group& group) {
  if (group.gpu.config_map) return group.gpu.config_map->name;
  return has_own_csv(making, group) ? part_of(making, group).name : node_agent_part(making).name;
}

void make_config_map(Making& making, const Group& group) {
  if (group.gpu.config_map || !has_own_csv(making, group)) return;
  Json map = object(making, "ConfigMap", part_of(making, group));
  map["data"] = {{kCsv, csv_of(group)}};
  add(making, std::move(map));
}

// ---- The container

std::vector<std::string> session_labels(const Sessions& sessions) {
  if (sessions.show_pid && sessions.show_command) return {};
  return {fmt::format("--session-labels={}", sessions.show_pid ? "pid" : sessions.show_command ? "command" : "none")};
}

/// Without a last '/'; empty: sessions go into no file.
std::string textfile_folder(const Sessions& sessions) {
  const std::string& folder = sessions.textfile_directory;
  return folder.substr(0, folder.find_last_not_of('/') + 1);
}

void allow_sys_admin(Json& container) {
  // The API server refuses allowPrivilegeEscalation: false beside SYS_ADMIN.
  container["securityContext"]["allowPrivilegeEscalation"] = true;
  container["securityContext"]["capabilities"]["add"] = Json::array({"SYS_ADMIN"});
}

Json tessera_agent(const Making& making, const Group& group, const std::string& csv) {
  const Workload& workload = group.agent.workload;
  Json out = container(making, "agent", "tessera-agent", workload,
                       {{{"cpu", "10m"}, {"memory", "32Mi"}}, {{"memory", "256Mi"}}});
  out["args"] = Json::array(
      {fmt::format("--collectors={}", csv), fmt::format("--interval={}", format_duration(group.gpu.interval))});
  for (const std::string& flag : session_labels(group.gpu.sessions)) out["args"].push_back(flag);
  if (const std::string folder = textfile_folder(group.gpu.sessions); !folder.empty())
    out["args"].push_back(fmt::format("--textfile={}/gpu_sessions.prom", folder));
  out["env"] = Json::array({env_field("NODE_NAME", "spec.nodeName"), env("NVIDIA_VISIBLE_DEVICES", "all"),
                            env("NVIDIA_DRIVER_CAPABILITIES", "utility")});
  add_probes(out, "metrics", 10);
  if (group.gpu.mig.monitor_devices) {
    out["env"].push_back(env("NVIDIA_MIG_MONITOR_DEVICES", "all"));
    allow_sys_admin(out);
  }
  add_env(out, workload.env);
  return out;
}

Json dcgm_exporter(const Making& making, const Group& group, const std::string& csv) {
  Workload workload = group.agent.workload;
  workload.image = group.gpu.dcgm.image;
  if (group.gpu.dcgm.resources.given()) workload.resources = group.gpu.dcgm.resources;
  Json out = container(making, "dcgm-exporter", "dcgm-exporter", workload,
                       {{{"cpu", "100m"}, {"memory", "256Mi"}}, {{"memory", "1Gi"}}});
  out["env"] = Json::array({env("DCGM_EXPORTER_LISTEN", fmt::format(":{}", kAgentPort)),
                            env("DCGM_EXPORTER_KUBERNETES", "true"), env("DCGM_EXPORTER_COLLECTORS", csv),
                            env("DCGM_EXPORTER_INTERVAL", std::to_string(group.gpu.interval.count())),
                            env_field("NODE_NAME", "spec.nodeName")});
  // Profiling fields need it; DCGM writes into its root file system.
  allow_sys_admin(out);
  out["securityContext"]["readOnlyRootFilesystem"] = false;
  const Json health{{"path", "/health"}, {"port", "metrics"}};
  // DCGM's own start takes a while where there are many GPUs.
  out["livenessProbe"] = {
      {"httpGet", health}, {"initialDelaySeconds", 45}, {"periodSeconds", 20}, {"timeoutSeconds", 5}};
  out["readinessProbe"] = {{"httpGet", health}, {"periodSeconds", 10}, {"timeoutSeconds", 5}};
  add_env(out, group.agent.workload.env);
  add_env(out, group.gpu.dcgm.env);
  return out;
}

Json host_path(std::string_view path, std::string_view type) {
  return {{"hostPath", {{"path", path}, {"type", type}}}};
}

/// What is mounted: directories, not the kubelet's socket, which it makes anew when it restarts.
void mount_node(Json& pod, Json& container, bool logs) {
  pod["volumes"] = Json::array();
  mount(pod, container, "pod-resources", "/var/lib/kubelet/pod-resources", true,
        host_path("/var/lib/kubelet/pod-resources", "Directory"));
  if (!logs) return;
  // Made where they are missing: a node whose logs go elsewhere still has its agent.
  mount(pod, container, "pod-logs", "/var/log/pods", true, host_path("/var/log/pods", "DirectoryOrCreate"));
  mount(pod, container, "container-logs", "/var/log/containers", true,
        host_path("/var/log/containers", "DirectoryOrCreate"));
}

// ---- The DaemonSet

void tolerate_gpu_taints(Workload& workload) {
  for (const auto* key : {"nvidia.com/gpu", "gpu"}) {
    const Toleration one{key, "Exists", "", "NoSchedule", {}};
    if (std::ranges::count(workload.tolerations, one) == 0) workload.tolerations.push_back(one);
  }
}

Json pod_of(const Making& making, const Group& group) {
  const bool dcgm = group.gpu.exporter == "dcgm";
  const std::string key = group.gpu.config_map ? group.gpu.config_map->key : std::string(kCsv);
  const std::string csv = fmt::format("/etc/tessera/metrics/{}", key);
  Workload workload = group.agent.workload;
  if (!workload.priority_class) workload.priority_class = "system-node-critical";
  tolerate_gpu_taints(workload);
  const std::span groups(making.spec().overrides);
  const auto& selector = making.spec().features.k8s_agent.node_agent.workload.node_selector;
  const Json affinity = affinity_outside(workload.affinity, selector, group.name.empty(), groups.first(group.before));
  workload.affinity = affinity.is_null() ? Raw{} : Raw{affinity.dump()};

  Json out = pod_spec(making, node_agent_part(making), workload);
  out["automountServiceAccountToken"] = false;
  // The driver's PIDs are the host's: without this there are device metrics only.
  if (!dcgm && group.agent.host_pid) out["hostPID"] = true;
  if (!group.agent.runtime_class.empty()) out["runtimeClassName"] = group.agent.runtime_class;
  Json container = dcgm ? dcgm_exporter(making, group, csv) : tessera_agent(making, group, csv);
  container["ports"] = Json::array({{{"name", "metrics"}, {"containerPort", kAgentPort}, {"protocol", "TCP"}}});
  container["securityContext"]["runAsUser"] = 0;
  container["securityContext"]["runAsGroup"] = 0;
  container["securityContext"]["seccompProfile"] = {{"type", "RuntimeDefault"}};
  mount_node(out, container, !dcgm);
  // The folder, not a file of it: a file mounted by subPath never changes.
  mount(out, container, "metrics", "/etc/tessera/metrics", true,
        {{"configMap", {{"name", config_map_of(making, group)}}}});
  if (const std::string folder = textfile_folder(group.gpu.sessions); !folder.empty())
    mount(out, container, "textfile", folder, false, host_path(folder, "DirectoryOrCreate"));
  out["containers"] = Json::array({std::move(container)});
  if (has_layouts(making.spec())) add_layout_container(making, out);
  return out;
}

void make_daemon_set(Making& making, const Group& group) {
  const Part part = part_of(making, group);
  Workload workload = group.agent.workload;
  workload.labels = node_agent_labels(making.spec());
  Json pods = pod_template(making, part, workload, pod_of(making, group), kAgentPort);
  // tessera-agent reads a changed file by itself.
  if (group.gpu.exporter == "dcgm" && !group.gpu.config_map)
    pods["metadata"]["annotations"]["tessera.dev/metrics-csv"] = content_hash(csv_of(group));
  Json out = object(making, "DaemonSet", part);
  out["spec"] = {{"selector", {{"matchLabels", selector_labels(making, part)}}},
                 {"updateStrategy", {{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", "10%"}}}}},
                 {"template", std::move(pods)}};
  add(making, std::move(out));
}

}  // namespace

Part node_agent_part(const Making& making) {
  const bool dcgm = making.spec().features.k8s_agent.gpu.exporter == "dcgm";
  return {"tessera-node-agent", dcgm ? "dcgm-exporter" : "tessera-agent", "node-agent", agent_namespace(making.spec()),
          ""};
}

TextMap node_agent_labels(const Spec& spec) {
  TextMap out{{"name", "tessera-node-agent"}};
  for (const auto& [key, value] : spec.features.k8s_agent.node_agent.workload.labels) out[key] = value;
  return out;
}

void make_node_agent(Making& making) {
  if (!has_gpu_agent(making.spec())) return;
  const K8sAgent& agent = making.spec().features.k8s_agent;
  if (agent.gpu.exporter == "dcgm" && !agent.node_agent.workload.image.empty())
    making.plan.notes.emplace_back(
        "nodeAgent.image is tessera-agent's, and exporter is dcgm: name dcgm-exporter's by "
        "gpuMonitoring.dcgmExporter.image");
  const Part part = node_agent_part(making);
  Json account = object(making, "ServiceAccount", part);
  account["automountServiceAccountToken"] = false;  // it asks the API server for nothing
  add(making, std::move(account));
  Json headless = service(making, part, kAgentPort);
  headless["spec"]["clusterIP"] = "None";  // each node's page is another one
  add(making, std::move(headless));
  if (making.spec().network_policies) {
    Json policy = network_policy(making, part, kAgentPort);
    // It answers, and asks nobody; the container that cuts devices asks the server, and dcgm-exporter may have its
    // engine elsewhere.
    if (agent.gpu.exporter == "tessera" && !has_layouts(making.spec()))
      policy["spec"]["policyTypes"].push_back("Egress");
    add(making, std::move(policy));
  }
  std::vector<Group> groups{rest_of(making.spec())};
  for (std::size_t i = 0; i < making.spec().overrides.size(); ++i) groups.push_back(group_of(making.spec(), i));
  for (const Group& group : groups) {
    make_config_map(making, group);
    make_daemon_set(making, group);
  }
}

}  // namespace tessera::operate
