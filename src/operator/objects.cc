#include "operator/objects.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

/// The images that are used where the resource names none. Our own have no registry of their own.
constexpr struct {
  std::string_view program, registry, image;
} kImages[] = {
    {"tessera-agent", "", "tessera-agent:" TESSERA_VERSION},
    {"tessera-relay", "", "tessera-relay:" TESSERA_VERSION},
    {"tessera-server", "", "tessera-server:" TESSERA_VERSION},
    {"dcgm-exporter", "nvcr.io", "nvidia/k8s/dcgm-exporter:4.5.2-4.8.1-distroless"},
    {"node-exporter", "quay.io", "prometheus/node-exporter:v1.8.2"},
    {"victoria-metrics", "docker.io", "victoriametrics/victoria-metrics:v1.102.1"},
    {"prometheus", "quay.io", "prometheus/prometheus:v2.53.3"},
};

Json to_json(const TextMap& map) {
  Json out = Json::object();
  for (const auto& [key, value] : map) out[key] = value;
  return out;
}

Json labels_of(const Making& making, const Part& part) {
  Json out{{"app.kubernetes.io/name", part.program}, {"app.kubernetes.io/component", part.component}};
  for (const auto& [key, value] : inventory_labels(making.monitor)) out[key] = value;
  if (!part.group.empty()) out["tessera.dev/node-group"] = part.group;
  return out;
}

Json resources_of(const Resources& resources) {
  Json out = Json::object();
  if (!resources.requests.empty()) out["requests"] = to_json(resources.requests);
  if (!resources.limits.empty()) out["limits"] = to_json(resources.limits);
  return out;
}

Json toleration(const Toleration& one) {
  Json out = Json::object();
  if (!one.key.empty()) out["key"] = one.key;
  if (!one.op.empty()) out["operator"] = one.op;
  if (!one.value.empty()) out["value"] = one.value;
  if (!one.effect.empty()) out["effect"] = one.effect;
  if (one.seconds) out["tolerationSeconds"] = *one.seconds;
  return out;
}

}  // namespace

Json owner_of(const GpuMonitor& monitor) {
  return Json::array({{{"apiVersion", kApiVersion},
                       {"kind", kKind},
                       {"name", monitor.name},
                       {"uid", monitor.uid},
                       {"controller", true},
                       {"blockOwnerDeletion", true}}});
}

Json raw(const Raw& value) { return value.given() ? Json::parse(value.json) : Json(nullptr); }

// ---- Objects

Json object(const Making& making, std::string_view kind, const Part& part) {
  const auto known = kinds(making.facts);
  const auto row = std::ranges::find(known, kind, &Kind::kind);
  Json metadata{{"name", part.name}};
  if (row->namespaced) metadata["namespace"] = part.home;
  metadata["labels"] = labels_of(making, part);
  // A namespace is never taken away with its owner: others may have put something there.
  if (!making.monitor.uid.empty() && kind != "Namespace") metadata["ownerReferences"] = owner_of(making.monitor);
  return {{"apiVersion", row->api_version}, {"kind", row->kind}, {"metadata", std::move(metadata)}};
}

void add(Making& making, Json object) { making.plan.objects.push_back(std::move(object)); }

Json selector_labels(const Making& making, const Part& part) {
  Json out{{"app.kubernetes.io/component", part.component},
           {"app.kubernetes.io/instance", making.monitor.name},
           {"app.kubernetes.io/part-of", "tessera"}};
  if (!part.group.empty()) out["tessera.dev/node-group"] = part.group;
  return out;
}

Json service(const Making& making, const Part& part, int port) {
  Json out = object(making, "Service", part);
  // Servers before 1.20 merge ports by port and protocol, and want both.
  out["spec"] = {
      {"selector", selector_labels(making, part)},
      {"ports", Json::array({{{"name", "http"}, {"port", port}, {"protocol", "TCP"}, {"targetPort", port}}})}};
  return out;
}

Json network_policy(const Making& making, const Part& part, int port, const std::vector<std::string>& from) {
  Json rule{{"ports", Json::array({{{"port", port}, {"protocol", "TCP"}}})}};
  for (const std::string& component : from) {
    const Part other{"", "", component, part.home, ""};
    rule["from"].push_back({{"podSelector", {{"matchLabels", selector_labels(making, other)}}}});
  }
  Json out = object(making, "NetworkPolicy", part);
  out["spec"] = {{"podSelector", {{"matchLabels", selector_labels(making, part)}}},
                 {"policyTypes", Json::array({"Ingress"})},
                 {"ingress", Json::array({std::move(rule)})}};
  return out;
}

Json disruption_budget(const Making& making, const Part& part) {
  Json out = object(making, "PodDisruptionBudget", part);
  out["spec"] = {{"maxUnavailable", 1}, {"selector", {{"matchLabels", selector_labels(making, part)}}}};
  return out;
}

Json volume_claim(const Making& making, const Part& part, const Volume& volume) {
  Json out = object(making, "PersistentVolumeClaim", part);
  out["spec"] = {{"accessModes", Json::array({"ReadWriteOnce"})},
                 {"resources", {{"requests", {{"storage", volume.size}}}}}};
  if (!volume.storage_class.empty()) out["spec"]["storageClassName"] = volume.storage_class;
  return out;
}

void add_role(Making& making, const Part& part, bool of_cluster, const Json& rules, const Part& account) {
  const std::string kind = of_cluster ? "ClusterRole" : "Role";
  Json role = object(making, kind, part);
  role["rules"] = rules;
  add(making, std::move(role));
  Json binding = object(making, kind + "Binding", part);
  binding["roleRef"] = {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", kind}, {"name", part.name}};
  binding["subjects"] =
      Json::array({{{"kind", "ServiceAccount"}, {"name", account.name}, {"namespace", account.home}}});
  add(making, std::move(binding));
}

// ---- Pods

std::string image(const Making& making, std::string_view given, std::string_view program) {
  if (!given.empty()) return std::string(given);
  const auto* row = std::ranges::find_if(kImages, [&](const auto& one) { return one.program == program; });
  const std::string& ours = making.spec().images.registry;
  const std::string_view registry = ours.empty() ? row->registry : std::string_view(ours);
  return registry.empty() ? std::string(row->image) : fmt::format("{}/{}", registry, row->image);
}

Json env(std::string_view name, std::string_view value) { return {{"name", name}, {"value", value}}; }

Json env_field(std::string_view name, std::string_view path) {
  return {{"name", name}, {"valueFrom", {{"fieldRef", {{"fieldPath", path}}}}}};
}

Json env_secret(std::string_view name, const SecretKey& from) {
  return {{"name", name}, {"valueFrom", {{"secretKeyRef", {{"name", from.name}, {"key", from.key}}}}}};
}

void add_env(Json& container, const std::vector<EnvVar>& env) {
  for (const EnvVar& one : env) {
    Json entry{{"name", one.name}};
    if (one.value_from.given())
      entry["valueFrom"] = raw(one.value_from);
    else
      entry["value"] = one.value;
    // Two of one name cannot be applied; the resource's own wins.
    auto& all = container["env"];
    const auto same =
        std::find_if(all.begin(), all.end(), [&](const Json& known) { return known["name"] == one.name; });
    if (same == all.end())
      all.push_back(std::move(entry));
    else
      *same = std::move(entry);
  }
}

Json container(const Making& making, std::string_view name, std::string_view program, const Workload& workload,
               const Resources& defaults) {
  Json out{{"name", name},
           {"image", image(making, workload.image, program)},
           {"imagePullPolicy", making.spec().images.pull_policy},
           {"args", Json::array()},
           {"env", Json::array()}};
  out["resources"] = resources_of(workload.resources.given() ? workload.resources : defaults);
  out["securityContext"] = {{"allowPrivilegeEscalation", false},
                            {"readOnlyRootFilesystem", true},
                            {"capabilities", {{"drop", Json::array({"ALL"})}}}};
  out["volumeMounts"] = Json::array();
  return out;
}

void add_probes(Json& container, std::string_view port, int ready_seconds, bool tls) {
  const auto get = [&](std::string_view path) {
    Json out{{"path", path}, {"port", port}};
    if (tls) out["scheme"] = "HTTPS";
    return out;
  };
  container["livenessProbe"] = {
      {"httpGet", get("/livez")}, {"periodSeconds", 20}, {"timeoutSeconds", 5}, {"failureThreshold", 6}};
  container["readinessProbe"] = {{"httpGet", get("/readyz")}, {"periodSeconds", ready_seconds}, {"timeoutSeconds", 5}};
}

void mount(Json& pod, Json& container, std::string_view name, std::string_view path, bool read_only, Json source) {
  Json at{{"name", name}, {"mountPath", path}};
  if (read_only) at["readOnly"] = true;
  container["volumeMounts"].push_back(std::move(at));
  if (source.is_null()) return;  // of a volumeClaimTemplate
  Json volume{{"name", name}};
  volume.update(source);
  pod["volumes"].push_back(std::move(volume));
}

Json pod_spec(const Making& making, const Part& part, const Workload& workload) {
  Json out{{"serviceAccountName", part.name}, {"enableServiceLinks", false}, {"terminationGracePeriodSeconds", 15}};
  if (workload.priority_class && !workload.priority_class->empty()) out["priorityClassName"] = *workload.priority_class;
  for (const std::string& name : making.spec().images.pull_secrets) out["imagePullSecrets"].push_back({{"name", name}});
  out["nodeSelector"] = {{"kubernetes.io/os", "linux"}};
  for (const auto& [key, value] : workload.node_selector) out["nodeSelector"][key] = value;
  for (const Toleration& one : workload.tolerations) out["tolerations"].push_back(toleration(one));
  if (workload.affinity.given()) out["affinity"] = raw(workload.affinity);
  return out;
}

void make_plain(Json& pod) {
  constexpr int kNobody = 65'532;
  pod["securityContext"] = {{"runAsNonRoot", true},
                            {"runAsUser", kNobody},
                            {"runAsGroup", kNobody},
                            {"fsGroup", kNobody},  // volumes become this group's
                            {"fsGroupChangePolicy", "OnRootMismatch"},
                            {"seccompProfile", {{"type", "RuntimeDefault"}}}};
}

Json pod_template(const Making& making, const Part& part, const Workload& workload, Json pod, int metrics_port,
                  bool tls) {
  Json labels = to_json(workload.labels);
  labels.update(labels_of(making, part));  // ours win: selectors stand on them
  Json annotations{{"prometheus.io/scrape", "true"},
                   {"prometheus.io/port", std::to_string(metrics_port)},
                   {"prometheus.io/path", "/metrics"}};
  if (tls) annotations["prometheus.io/scheme"] = "https";
  annotations.update(to_json(workload.annotations));
  for (Json& one : pod["containers"])
    for (const auto* list : {"args", "env", "volumeMounts"})
      if (one.contains(list) && one[list].empty()) one.erase(list);
  return {{"metadata", {{"labels", std::move(labels)}, {"annotations", std::move(annotations)}}},
          {"spec", std::move(pod)}};
}

std::string content_hash(std::string_view text) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  return fmt::format("{:016x}", hash);
}

}  // namespace tessera::operate
