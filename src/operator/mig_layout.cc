// What changes GPUs (docs/mig-layout.md): a second container beside the node agent, without a port.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "operator/components.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kTokenFolder = "/var/run/secrets/tessera";
constexpr int kTokenSeconds = 3'600;
constexpr const char* kMigConfig = "tessera-mig-config";  // what mig-manager reads

Json arguments(const Making& making, const MigLayout& layout) {
  Json out = Json::array({"layout", fmt::format("--server={}", server_url(making)),
                          fmt::format("--token-file={}/token", kTokenFolder),
                          fmt::format("--cluster={}", making.spec().cluster_name)});
  if (!layout.windows.empty()) out.push_back(fmt::format("--window={}", fmt::join(layout.windows, ",")));
  if (layout.dry_run) out.push_back("--dry-run");
  if (!making.spec().server.tls_secret.empty()) out.push_back(fmt::format("--ca-file={}", kServerCaFile));
  return out;
}

/// Of the pod's account, made for the server alone: the API server tells it which node the pod is on.
Json token_volume() {
  Json token;
  token["serviceAccountToken"] = {
      {"audience", kTokenAudience}, {"expirationSeconds", kTokenSeconds}, {"path", "token"}};
  Json out;
  out["projected"]["sources"].push_back(std::move(token));
  return out;
}

/// Where the device plugin is; empty: there is no such namespace.
std::string plugin_namespace(const Making& making) {
  const std::string& space = making.spec().features.k8s_agent.gpu.mig.layout.device_plugin_namespace;
  const bool there = space == making.spec().home || making.facts.foreign_namespaces.contains(space);
  return there ? space : "";
}

bool by_mig_manager(const MigLayout& layout) { return layout.way == "mig-manager"; }

/// To make and write mig-manager's file: what is to be made cannot be named in a rule.
void add_mig_config_rules(Json& rules) {
  const auto rule = [&](Json verbs) -> Json {
    return {{"apiGroups", Json::array({""})}, {"resources", Json::array({"configmaps"})}, {"verbs", std::move(verbs)}};
  };
  rules.push_back(rule(Json::array({"create"})));
  Json named = rule(Json::array({"get", "patch"}));
  named["resourceNames"] = Json::array({kMigConfig});
  rules.push_back(std::move(named));
}

}  // namespace

void add_layout_container(const Making& making, Json& pod) {
  const K8sAgent& agent = making.spec().features.k8s_agent;
  Workload workload = agent.node_agent.workload;
  workload.resources = agent.gpu.mig.layout.resources;
  Json out = container(making, "layout", "tessera-agent", workload,
                       {{{"cpu", "10m"}, {"memory", "32Mi"}}, {{"memory", "128Mi"}}});
  out["args"] = arguments(making, agent.gpu.mig.layout);
  out["env"] = Json::array({env_field("NODE_NAME", "spec.nodeName"), env("NVIDIA_VISIBLE_DEVICES", "all"),
                            env("NVIDIA_DRIVER_CAPABILITIES", "utility"), env("NVIDIA_MIG_CONFIG_DEVICES", "all")});
  // The driver lets only root with SYS_ADMIN change MIG, and device nodes of new instances come while it runs.
  out["securityContext"] = {
      {"privileged", true}, {"readOnlyRootFilesystem", true}, {"runAsUser", 0}, {"runAsGroup", 0}};
  mount(pod, out, "pod-resources", "/var/lib/kubelet/pod-resources", true, nullptr);  // the agent's
  mount(pod, out, "dev", "/dev", false, {{"hostPath", {{"path", "/dev"}, {"type", "Directory"}}}});
  mount(pod, out, "layout", "/var/lib/tessera-agent", false,
        {{"hostPath", {{"path", "/var/lib/tessera-agent"}, {"type", "DirectoryOrCreate"}}}});
  mount(pod, out, "layout-token", kTokenFolder, true, token_volume());
  mount_server_ca(making, pod, out);
  pod["containers"].push_back(std::move(out));
}

void add_node_change_rules(const Making& making, Json& rules) {
  if (!has_node_changes(making.spec())) return;
  rules.push_back(
      {{"apiGroups", Json::array({""})}, {"resources", Json::array({"nodes"})}, {"verbs", Json::array({"patch"})}});
}

Json node_change_settings(const Making& making) {
  const MigLayout& layout = making.spec().features.k8s_agent.gpu.mig.layout;
  const std::string space = plugin_namespace(making);
  Json plugin{{"restart", !space.empty()}};
  if (!space.empty()) plugin["namespace"] = space;
  // What the container keeps to, the server does too: or a node is cordoned when nothing may be cut.
  Json out{{"way", layout.way}, {"dry-run", layout.dry_run}, {"device-plugin", std::move(plugin)}};
  if (!layout.windows.empty()) out["windows"] = layout.windows;
  if (by_mig_manager(layout))
    out["mig-manager"]["config-map"] = fmt::format("{}/{}", layout.device_plugin_namespace, kMigConfig);
  return out;
}

void make_plugin_rights(Making& making) {
  if (!has_node_changes(making.spec())) return;
  const std::string& tls = making.spec().server.tls_secret;
  if (const std::string& agents = agent_namespace(making.spec()); !tls.empty() && agents != making.spec().home)
    making.plan.notes.push_back(fmt::format(
        "server.tlsSecret: what cuts devices runs in the namespace '{}', and asks the server once a Secret {} "
        "with ca.crt is there too",
        agents, tls));
  const MigLayout& layout = making.spec().features.k8s_agent.gpu.mig.layout;
  const std::string space = plugin_namespace(making);
  if (space.empty())
    return making.plan.notes.push_back(fmt::format(
        "gpuMonitoring.mig.layout: there is no namespace '{}', so the device plugin is not restarted and does not list "
        "what is cut{}: set devicePluginNamespace to its namespace",
        layout.device_plugin_namespace, by_mig_manager(layout) ? ", and mig-manager is not told what to cut" : ""));
  const Part account = server_part(making);
  Part part = account;
  part.home = space;
  Json rules = Json::array({{{"apiGroups", Json::array({""})},
                             {"resources", Json::array({"pods"})},
                             {"verbs", Json::array({"get", "list", "delete"})}}});
  if (by_mig_manager(layout)) add_mig_config_rules(rules);
  add_role(making, part, false, rules, account);
}

}  // namespace tessera::operate
