// API and dashboard: a Deployment, with SQLite in a volume or PostgreSQL elsewhere.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/yaml_text.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kKeysFolder = "/etc/tessera-keys";
constexpr const char* kIngestFolder = "/etc/tessera-ingest";
constexpr const char* kTlsFolder = "/etc/tessera-tls";

bool has_tls(const Spec& spec) { return !spec.server.tls_secret.empty(); }
bool on_postgresql(const Spec& spec) { return spec.storage.type == "postgresql"; }

SecretKey admin_key(const Spec& spec) {
  return spec.server.admin_key.value_or(SecretKey{std::string(kKeys), std::string(kAdminKey)});
}

}  // namespace

SecretKey ingest_key(const Spec& spec) {
  return spec.server.ingest_key.value_or(SecretKey{std::string(kKeys), std::string(kIngestKey)});
}

namespace {

/// The server's settings (docs/configuration.md); those of the resource win.
Json settings(const Making& making) {
  const Spec& spec = making.spec();
  // On the pod's network: who asks needs a key.
  Json out{
      {"server",
       {{"address", fmt::format("0.0.0.0:{}", kServerPort)},
        {"access",
         {{"admin-key-file", fmt::format("{}/{}", kKeysFolder, admin_key(spec).key)},
          {"ingest-key-file", fmt::format("{}/{}", kIngestFolder, ingest_key(spec).key)},
          {"open-metrics", spec.server.open_metrics}}}}},
      {"gpu", {{"management", {{"mig", {{"enabled", has_layouts(spec)}}}}}}},
      {"cluster-metadata",
       {{"enabled", spec.features.k8s_agent.master_agent.enabled ? "true" : "false"}, {"cluster", spec.cluster_name}}}};
  if (has_tls(spec))
    out["server"]["tls"] = {{"certificate", fmt::format("{}/tls.crt", kTlsFolder)},
                            {"private-key", fmt::format("{}/tls.key", kTlsFolder)}};
  if (has_layouts(spec)) {
    const Part agent = node_agent_part(making);
    out["server"]["access"]["node-accounts"] = Json::array({fmt::format("{}/{}", agent.home, agent.name)});
  }
  if (has_node_changes(spec)) out["gpu"]["management"]["mig"]["kubernetes"] = node_change_settings(making);
  if (has_admission(spec)) out["server"]["admission"] = admission_settings();
  if (const std::string url = promql_url(making); !url.empty()) out["prometheus"]["url"] = url;
  if (spec.server.settings.given()) out.merge_patch(raw(spec.server.settings));
  return out;
}

/// Whether it asks the API server for anything.
bool asks_cluster(const Spec& spec) { return spec.features.k8s_agent.master_agent.enabled || has_layouts(spec); }

/// What rows of nodes and pods show beside the GPUs, and no right to change anything.
void add_rights(Making& making, const Part& part) {
  const Spec& spec = making.spec();
  const auto rule = [](std::string_view group, Json resources, Json verbs) -> Json {
    return {{"apiGroups", Json::array({group})}, {"resources", std::move(resources)}, {"verbs", std::move(verbs)}};
  };
  Json rules = Json::array();
  if (spec.features.k8s_agent.master_agent.enabled) {
    rules.push_back(rule("", Json::array({"nodes", "namespaces", "pods", "resourcequotas"}),
                         Json::array({"get", "list", "watch"})));
    // Pods that a quota refuses are told of in events alone.
    rules.push_back(rule("", Json::array({"events"}), Json::array({"list", "watch"})));
    // CPU and memory in use, where there is a metrics server.
    rules.push_back(rule("metrics.k8s.io", Json::array({"nodes", "pods"}), Json::array({"get", "list"})));
  } else if (has_layouts(spec)) {
    rules.push_back(rule("", Json::array({"pods"}), Json::array({"get"})));
  }
  // Which node asks for its layout.
  if (has_layouts(spec))
    rules.push_back(rule("authentication.k8s.io", Json::array({"tokenreviews"}), Json::array({"create"})));
  add_node_change_rules(making, rules);
  if (has_admission(spec)) add_admission_rules(rules);
  if (!rules.empty()) add_role(making, part, true, rules, part);
}

Json key_volume(const SecretKey& key) {
  // The group's, which is the server's: fsGroup.
  return {{"secret",
           {{"secretName", key.name},
            {"items", Json::array({{{"key", key.key}, {"path", key.key}}})},
            {"defaultMode", 0440}}}};
}

Json container_of(const Making& making) {
  const Spec& spec = making.spec();
  Json out = container(making, "server", "tessera-server", spec.server.workload,
                       {{{"cpu", "200m"}, {"memory", "256Mi"}}, {{"memory", "4Gi"}}});
  out["args"] = Json::array({"--config=/etc/tessera/server.yaml", "--data=/var/lib/tessera-server"});
  out["ports"] = Json::array({{{"name", "http"}, {"containerPort", kServerPort}, {"protocol", "TCP"}}});
  add_probes(out, "http", 5, has_tls(spec));
  if (on_postgresql(spec)) {
    out["env"].push_back(env_secret("DATABASE_URL", *spec.storage.url));
    // Beside a URL without them.
    for (const auto& [variable, key] : {std::pair("DB_USERNAME", "username"), std::pair("DB_PASSWORD", "password")}) {
      out["env"].push_back(env_secret(variable, {spec.storage.url->name, key}));
      out["env"].back()["valueFrom"]["secretKeyRef"]["optional"] = true;
    }
  }
  add_env(out, spec.server.workload.env);
  return out;
}

/// The journal, and SQLite's file. Beside PostgreSQL the journal alone, which is some seconds: it may go with the pod.
Json data_volume(const Making& making, const Part& part) {
  const std::string& own = making.spec().storage.existing_claim;
  if (!on_postgresql(making.spec())) return {{"persistentVolumeClaim", {{"claimName", own.empty() ? part.name : own}}}};
  return {{"emptyDir", {{"sizeLimit", making.spec().storage.volume.size}}}};
}

Json pod_of(const Making& making, const Part& part) {
  const Spec& spec = making.spec();
  Json out = pod_spec(making, part, spec.server.workload);
  out["automountServiceAccountToken"] = asks_cluster(spec);
  make_plain(out);
  Json container = container_of(making);
  out["volumes"] = Json::array();
  mount(out, container, "config", "/etc/tessera", true, {{"configMap", {{"name", part.name}}}});
  mount(out, container, "keys", kKeysFolder, true, key_volume(admin_key(spec)));
  mount(out, container, "ingest", kIngestFolder, true, key_volume(ingest_key(spec)));
  if (has_tls(spec))
    mount(out, container, "tls", kTlsFolder, true,
          {{"secret", {{"secretName", spec.server.tls_secret}, {"defaultMode", 0440}}}});
  if (has_admission(spec)) add_admission(making, out, container);
  mount(out, container, "data", "/var/lib/tessera-server", false, data_volume(making, part));
  out["containers"] = Json::array({std::move(container)});
  return out;
}

/// The server reads its settings at its start only.
Json deployment(const Making& making, const Part& part, const std::string& settings_text) {
  const Spec& spec = making.spec();
  Json pods = pod_template(making, part, spec.server.workload, pod_of(making, part), kServerPort, has_tls(spec));
  pods["metadata"]["annotations"]["tessera.dev/settings"] = content_hash(settings_text);
  Json out = object(making, "Deployment", part);
  const Json rolling{{"type", "RollingUpdate"}, {"rollingUpdate", {{"maxUnavailable", 0}, {"maxSurge", 1}}}};
  const Json recreate{{"type", "Recreate"}};  // SQLite's volume takes one at a time
  out["spec"] = {{"replicas", spec.server.replicas},
                 {"strategy", on_postgresql(spec) ? rolling : recreate},
                 {"selector", {{"matchLabels", selector_labels(making, part)}}},
                 {"template", std::move(pods)}};
  return out;
}

/// API servers call from the nodes that they run on: nobody's pods.
Json policy(const Making& making, const Part& part) {
  Json out = network_policy(making, part, kServerPort);
  if (has_admission(making.spec()))
    out["spec"]["ingress"].push_back({{"ports", Json::array({{{"port", kAdmissionPort}, {"protocol", "TCP"}}})}});
  return out;
}

}  // namespace

std::string server_url(const Making& making) {
  const Part part = server_part(making);
  if (has_tls(making.spec())) return fmt::format("https://{}.{}:{}", part.name, part.home, kServerPort);
  return url_of(part, kServerPort);
}

void mount_server_ca(const Making& making, Json& pod, Json& container) {
  if (!has_tls(making.spec())) return;
  mount(pod, container, "server-ca", kServerCaFolder, true,
        {{"secret",
          {{"secretName", making.spec().server.tls_secret},
           {"defaultMode", 0440},
           {"optional", true},  // the pod has other work than to ask the server
           {"items", Json::array({{{"key", "ca.crt"}, {"path", "ca.crt"}}})}}}});
}

Part server_part(const Making& making) {
  return {"tessera-server", "tessera-server", "server", making.spec().home, ""};
}

void make_server(Making& making) {
  const Spec& spec = making.spec();
  if (!has_server(spec)) {
    if (spec.features.k8s_agent.master_agent.enabled)
      making.plan.notes.emplace_back(
          "masterAgent.enabled has the server read the cluster, and no server is asked for: enable openAgent, or "
          "spec.server");
    return;
  }
  const Part part = server_part(making);
  Json account = object(making, "ServiceAccount", part);
  add(making, std::move(account));
  add_rights(making, part);
  make_plugin_rights(making);
  const std::string text = yaml_text(settings(making));
  Json map = object(making, "ConfigMap", part);
  map["data"] = {{"server.yaml", text}};
  add(making, std::move(map));
  Json front = service(making, part, kServerPort);
  front["spec"]["type"] = spec.server.service_type;
  add(making, std::move(front));
  if (spec.network_policies) add(making, policy(making, part));
  if (spec.server.replicas > 1) add(making, disruption_budget(making, part));
  if (!on_postgresql(spec) && spec.storage.existing_claim.empty())
    add(making, volume_claim(making, part, spec.storage.volume));
  add(making, deployment(making, part, text));
  std::vector<std::string> keys;
  if (!spec.server.ingest_key) keys.emplace_back(kIngestKey);
  if (!spec.server.admin_key) keys.emplace_back(kAdminKey);
  if (!keys.empty()) making.plan.secrets.push_back({part.home, std::string(kKeys), std::move(keys)});
}

}  // namespace tessera::operate
