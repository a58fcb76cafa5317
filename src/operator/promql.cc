// The engine that keeps raw series and answers PromQL: VictoriaMetrics or Prometheus, each as a single node with a
// volume. Whoever has one already names it by promql.url.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/yaml_text.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

struct Engine {
  std::string_view program;
  int port;
  std::string_view health, ready;
  std::string_view data;
};

constexpr Engine kEngines[] = {
    {"victoria-metrics", 8428, "/health", "/health", "/storage"},
    {"prometheus", 9090, "/-/healthy", "/-/ready", "/prometheus"},
};

const Engine& engine_of(const Making& making) {
  return bundled_engine(making.spec()) == kEngines[1].program ? kEngines[1] : kEngines[0];
}

Json arguments(const Making& making, const Engine& engine) {
  const std::string& retention = making.spec().promql.retention;
  if (engine.program == "victoria-metrics")
    return Json::array({fmt::format("--storageDataPath={}", engine.data),
                        fmt::format("--retentionPeriod={}", retention),
                        fmt::format("--httpListenAddr=:{}", engine.port)});
  return Json::array({"--config.file=/etc/prometheus/prometheus.yml",
                      fmt::format("--storage.tsdb.path={}", engine.data),
                      fmt::format("--storage.tsdb.retention.time={}", retention), "--web.enable-remote-write-receiver",
                      "--web.enable-lifecycle"});
}

/// Prometheus scrapes nothing here: the relay does.
Json prometheus_yml(const Alerting& alerting) {
  Json out{{"global", {{"evaluation_interval", "30s"}}}};
  if (!alerting.enabled) return out;
  if (!alerting.rules.empty()) out["rule_files"] = Json::array({"/etc/prometheus/rules.yaml"});
  if (alerting.alertmanager_url.empty()) return out;
  const std::string& url = alerting.alertmanager_url;
  const auto scheme = url.find("://");
  const auto path = std::min(url.find('/', scheme + 3), url.size());
  Json manager{
      {"scheme", url.substr(0, scheme)},
      {"static_configs", Json::array({{{"targets", Json::array({url.substr(scheme + 3, path - scheme - 3)})}}})}};
  if (path + 1 < url.size()) manager["path_prefix"] = url.substr(path);
  out["alerting"]["alertmanagers"] = Json::array({std::move(manager)});
  return out;
}

Json config_map(const Making& making, const Part& part) {
  const Alerting& alerting = making.spec().alerting;
  Json out = object(making, "ConfigMap", part);
  out["data"]["prometheus.yml"] = yaml_text(prometheus_yml(alerting));
  if (alerting.enabled && !alerting.rules.empty()) out["data"]["rules.yaml"] = alerting.rules;
  return out;
}

Json container_of(const Making& making, const Engine& engine) {
  Json out = container(making, engine.program, engine.program, making.spec().promql.workload,
                       {{{"cpu", "100m"}, {"memory", "256Mi"}}, {{"memory", "4Gi"}}});
  out["args"] = arguments(making, engine);
  out["ports"] = Json::array({{{"name", "http"}, {"containerPort", engine.port}, {"protocol", "TCP"}}});
  out["livenessProbe"] = {{"httpGet", {{"path", engine.health}, {"port", "http"}}},
                          {"periodSeconds", 20},
                          {"timeoutSeconds", 5},
                          {"failureThreshold", 6}};
  out["readinessProbe"] = {
      {"httpGet", {{"path", engine.ready}, {"port", "http"}}}, {"periodSeconds", 10}, {"timeoutSeconds", 5}};
  add_env(out, making.spec().promql.workload.env);
  return out;
}

}  // namespace

int promql_port(const Making& making) { return engine_of(making).port; }

Part promql_part(const Making& making) {
  return {"tessera-promql", std::string(engine_of(making).program), "promql", making.spec().home, ""};
}

std::string promql_url(const Making& making) {
  if (!making.spec().promql.url.empty()) return making.spec().promql.url;
  if (bundled_engine(making.spec()).empty()) return {};
  return url_of(promql_part(making), promql_port(making));
}

void make_promql(Making& making) {
  const Spec& spec = making.spec();
  if (bundled_engine(spec).empty()) return;
  const Engine& engine = engine_of(making);
  const Part part = promql_part(making);
  const bool configured = engine.program == "prometheus";
  Json account = object(making, "ServiceAccount", part);
  account["automountServiceAccountToken"] = false;
  add(making, std::move(account));
  const Json configuration = configured ? config_map(making, part) : Json(nullptr);
  if (configured) add(making, configuration);
  add(making, service(making, part, engine.port));
  if (spec.network_policies) add(making, network_policy(making, part, engine.port, {"relay", "server"}));
  add(making, volume_claim(making, part, spec.promql.volume));

  Workload workload = spec.promql.workload;
  workload.annotations.emplace("prometheus.io/scrape", "false");  // relay and server alone reach it
  Json pod = pod_spec(making, part, workload);
  pod["automountServiceAccountToken"] = false;
  // Prometheus takes some minutes to write what it has in memory; both lose nothing that is on disk.
  pod["terminationGracePeriodSeconds"] = 300;
  make_plain(pod);
  Json container = container_of(making, engine);
  pod["volumes"] = Json::array();
  mount(pod, container, "data", engine.data, false, {{"persistentVolumeClaim", {{"claimName", part.name}}}});
  if (configured) mount(pod, container, "config", "/etc/prometheus", true, {{"configMap", {{"name", part.name}}}});
  pod["containers"] = Json::array({std::move(container)});
  Json pods = pod_template(making, part, workload, std::move(pod), engine.port);
  // It reads its files when it is told to, or at its start.
  if (configured) pods["metadata"]["annotations"]["tessera.dev/config"] = content_hash(configuration["data"].dump());
  Json out = object(making, "Deployment", part);
  out["spec"] = {{"replicas", 1},
                 {"strategy", {{"type", "Recreate"}}},  // its volume takes one at a time
                 {"selector", {{"matchLabels", selector_labels(making, part)}}},
                 {"template", std::move(pods)}};
  add(making, std::move(out));
}

}  // namespace tessera::operate
