// The relay's configuration, in the language of docs/relay.md: targets of the resource as they are written, ours beside
// them, and who is sent what is scraped.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "operator/components.h"
#include "operator/selectors.h"

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

// ---- What several parts have

void put(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}

void put_tls(Json& out, const std::optional<TlsConfig>& tls) {
  if (!tls) return;
  Json& into = out["tlsConfig"] = Json::object();
  if (tls->insecure_skip_verify) into["insecureSkipVerify"] = true;
  put(into, "serverName", tls->server_name);
  if (tls->ca) into["caFile"] = secret_path(*tls->ca);
  if (tls->cert) into["certFile"] = secret_path(*tls->cert);
  if (tls->key) into["keyFile"] = secret_path(*tls->key);
}

void put_auth(Json& out, const std::optional<BasicAuth>& basic, const std::optional<Authorization>& other) {
  if (basic) out["basicAuth"] = {{"username", basic->username}, {"passwordFile", secret_path(basic->password)}};
  if (other) out["authorization"] = {{"type", other->type}, {"credentialsFile", secret_path(other->credentials)}};
}

void put_rules(Json& out, const char* key, const std::vector<Raw>& rules) {
  for (const Raw& rule : rules) out[key].push_back(raw(rule));
}

/// Rules in Prometheus' own spelling: all keys of the relay's are the same but these.
void put_prometheus_rules(Json& out, const char* key, const std::vector<Raw>& rules) {
  for (const Raw& rule : rules) {
    Json said = Json::object();
    const Json written = raw(rule);
    for (const auto& [name, value] : written.items())
      said[name == "source_labels" ? "sourceLabels" : name == "target_label" ? "targetLabel" : name] = value;
    out[key].push_back(std::move(said));
  }
}

Json selector_json(const LabelSelector& selector) {
  Json out = Json::object();
  for (const auto& [key, value] : selector.match_labels) out["matchLabels"][key] = value;
  for (const LabelExpression& one : selector.match_expressions) {
    Json expression{{"key", one.key}, {"operator", one.op}};
    if (!one.values.empty()) expression["values"] = one.values;
    out["matchExpressions"].push_back(std::move(expression));
  }
  return out;
}

// ---- Targets of the resource

kube::PodLabels agent_pod_labels(const Making& making) {
  const Part part = node_agent_part(making);
  kube::PodLabels out = node_agent_labels(making.spec());
  for (const auto& [key, value] : inventory_labels(making.monitor)) out[key] = value;
  out["app.kubernetes.io/name"] = part.program;
  out["app.kubernetes.io/component"] = part.component;
  return out;
}

/// Whether a target is, or could be, our own agents' pages.
bool selects_agents(const Making& making, const Target& target) {
  if (!has_gpu_agent(making.spec()) || target.type != "PodMonitor" || !target.enabled || !target.selector) return false;
  const auto& names = target.namespaces.match_names;
  if (!names.empty() && std::ranges::count(names, agent_namespace(making.spec())) == 0) return false;
  if (kube::first_unmet(to_kube(*target.selector), agent_pod_labels(making)) != nullptr) return false;
  return std::ranges::any_of(target.endpoints, [](const Endpoint& one) {
    return one.port.empty() || one.port == "metrics" || one.port == std::to_string(kAgentPort);
  });
}

/// `tells_weights`: it is a page of tessera-agent, whose GPUs need no weights worked out.
Json endpoint_json(const Target& target, const Endpoint& endpoint, bool of_agents, bool tells_weights) {
  Json out = Json::object();
  put(out, "port", endpoint.port);
  put(out, "path", endpoint.path);
  if (endpoint.interval) out["interval"] = format_duration(*endpoint.interval);
  if (endpoint.scrape_timeout) out["scrapeTimeout"] = format_duration(*endpoint.scrape_timeout);
  if (endpoint.scheme != "http") out["scheme"] = endpoint.scheme;
  if (endpoint.params.given()) out["params"] = raw(endpoint.params);
  // On an agent's page, and on dcgm-exporter's, pod, namespace and container are the GPU process's.
  const bool of_gpus = of_agents || (target.type == "PodMonitor" && endpoint.port == std::to_string(kAgentPort));
  if (endpoint.honor_labels.value_or(of_gpus)) out["honorLabels"] = true;
  if (endpoint.add_node_label.value_or(of_gpus)) out["addNodeLabel"] = true;
  if (of_gpus && !tells_weights) out["deriveGpuWeights"] = true;
  put_tls(out, endpoint.tls);
  put_auth(out, endpoint.basic_auth, endpoint.authorization);
  put_prometheus_rules(out, "relabelings", target.relabel_configs);
  put_rules(out, "relabelings", endpoint.relabelings);
  put_rules(out, "metricRelabelings", endpoint.metric_relabelings);
  put_prometheus_rules(out, "metricRelabelings", endpoint.metric_relabel_configs);
  return out;
}

Json target_json(const Making& making, const Target& target) {
  Json out{{"targetName", target.name}, {"type", target.type}};
  if (!target.enabled) out["enabled"] = false;
  if (!target.namespaces.match_names.empty()) out["namespaceSelector"]["matchNames"] = target.namespaces.match_names;
  if (target.selector && target.type == "PodMonitor") out["selector"] = selector_json(*target.selector);
  if (target.type == "Static") out["addresses"] = target.addresses;
  const bool of_agents = selects_agents(making, target);
  const bool tells_weights = of_agents && making.spec().features.k8s_agent.gpu.exporter == "tessera";
  for (const Endpoint& endpoint : target.endpoints)
    out["endpoints"].push_back(endpoint_json(target, endpoint, of_agents, tells_weights));
  if (target.endpoints.empty() && !target.relabel_configs.empty())
    out["endpoints"].push_back(endpoint_json(target, Endpoint{}, false, true));
  return out;
}

// ---- Targets of our own

/// The pods of a part, by the labels that its selector has too.
Json own_target(const Making& making, const Part& part, Json endpoint) {
  return {{"targetName", fmt::format("tessera-{}", part.component)},
          {"type", "PodMonitor"},
          {"namespaceSelector", {{"matchNames", Json::array({part.home})}}},
          {"selector", {{"matchLabels", selector_labels(making, part)}}},
          {"endpoints", Json::array({std::move(endpoint)})}};
}

/// Of Prometheus' own chart, and of kube-prometheus-stack before and now.
const LabelSelector kNodeExporters{{},
                                   {{"app.kubernetes.io/name", "In", {"node-exporter", "prometheus-node-exporter"}}}};

void add_node_metrics(const Making& making, Json& targets) {
  const NodeAgent& agent = making.spec().features.k8s_agent.node_agent;
  if (!agent.enabled || agent.node_metrics.exporter == "none") return;
  Json target = own_target(making, node_exporter_part(making),
                           {{"port", std::to_string(port_of(agent.node_metrics))}, {"addNodeLabel", true}});
  if (agent.node_metrics.exporter == "existing") {
    target["selector"] = selector_json(agent.node_metrics.selector.value_or(kNodeExporters));
    target["namespaceSelector"] = Json::object();
    const auto& names = agent.node_metrics.namespaces.match_names;
    if (!names.empty()) target["namespaceSelector"]["matchNames"] = names;
  }
  targets.push_back(std::move(target));
}

/// Our dcgm-exporter, where other targets keep the relay from looking for every dcgm-exporter there is.
void add_dcgm(const Making& making, Json& targets) {
  targets.push_back(own_target(making, node_agent_part(making),
                               {{"port", std::to_string(kAgentPort)},
                                {"honorLabels", true},
                                {"addNodeLabel", true},
                                {"deriveGpuWeights", true}}));
}

/// Found by its pods, whose addresses no certificate is for.
Json server_target(const Making& making) {
  const Part part = server_part(making);
  Json endpoint{{"port", std::to_string(kServerPort)}};
  if (!making.spec().server.tls_secret.empty()) {
    endpoint["scheme"] = "https";
    endpoint["tlsConfig"] = {{"caFile", kServerCaFile}, {"serverName", fmt::format("{}.{}", part.name, part.home)}};
  }
  return own_target(making, part, std::move(endpoint));
}

Json builtin_json(const Making& making, bool agents_are_selected) {
  const OpenAgent& agent = making.spec().features.open_agent;
  const bool alone = agent.targets.empty();
  const bool tessera = making.spec().features.k8s_agent.gpu.exporter == "tessera";
  const bool ours = has_gpu_agent(making.spec()) && tessera && !agents_are_selected;
  return {{"tesseraAgent", agent.builtin.tessera_agent.value_or(alone || ours)},
          {"dcgmExporter", agent.builtin.dcgm_exporter.value_or(alone)},
          {"vllm", agent.builtin.vllm.value_or(alone)},
          {"sglang", agent.builtin.sglang.value_or(alone)}};
}

// ---- Receivers

Json server_destination(const Making& making) {
  // What tells nothing of GPUs stays away from it.
  const Json drop{
      {"sourceLabels", Json::array({"job"})}, {"regex", "tessera-(node-exporter|relay|server)"}, {"action", "drop"}};
  Json out{{"name", "tessera-server"},
           {"url", fmt::format("{}/k8s-monitor/api/v1/write", server_url(making))},
           {"bearerTokenFile", fmt::format("/etc/tessera-keys/{}", kIngestKey)},
           {"writeRelabelConfigs", Json::array({drop})}};
  if (!making.spec().server.tls_secret.empty()) out["tls"]["caFile"] = kServerCaFile;
  return out;
}

Json destination_json(const RemoteWrite& receiver) {
  Json out{{"name", receiver.name}, {"url", receiver.url}};
  for (const auto& [name, value] : receiver.headers) out["headers"][name] = value;
  put_tls(out, receiver.tls);
  put_auth(out, receiver.basic_auth, receiver.authorization);
  put_rules(out, "writeRelabelConfigs", receiver.write_relabel);
  return out;
}

/// The relay fills in $NAME of its environment; here a dollar is one.
std::string as_it_is(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '$' ? "$$" : std::string(1, c));
  return out;
}

Json destinations(const Making& making) {
  Json out = Json::array();
  if (has_server(making.spec())) out.push_back(server_destination(making));
  if (!bundled_engine(making.spec()).empty())
    out.push_back({{"name", "tessera-promql"},
                   {"url", fmt::format("{}/api/v1/write", url_of(promql_part(making), promql_port(making)))}});
  for (const RemoteWrite& receiver : making.spec().remote_write) out.push_back(destination_json(receiver));
  return out;
}

}  // namespace

Json relay_config(const Making& making) {
  const Spec& spec = making.spec();
  const OpenAgent& agent = spec.features.open_agent;
  const bool selected =
      std::ranges::any_of(agent.targets, [&](const Target& one) { return selects_agents(making, one); });
  Json targets = Json::array();
  for (const Target& target : agent.targets) targets.push_back(target_json(making, target));
  const bool dcgm = has_gpu_agent(spec) && spec.features.k8s_agent.gpu.exporter == "dcgm";
  if (dcgm && !agent.targets.empty() && !selected) add_dcgm(making, targets);
  add_node_metrics(making, targets);
  targets.push_back(own_target(making, relay_part(making), {{"port", std::to_string(kRelayPort)}}));
  if (has_server(spec) && spec.server.open_metrics) targets.push_back(server_target(making));

  Json out{{"externalLabels", {{"cluster", as_it_is(spec.cluster_name)}}}};
  for (const auto& [name, value] : spec.external_labels) out["externalLabels"][name] = as_it_is(value);
  out["globalInterval"] = format_duration(agent.global_interval);
  out["globalPath"] = agent.global_path;
  out["builtinTargets"] = builtin_json(making, selected);
  out["targets"] = std::move(targets);
  out["remoteWrite"] = destinations(making);
  if (agent.settings.given()) out.merge_patch(raw(agent.settings));
  return out;
}

std::string secret_path(const SecretKey& key) { return fmt::format("/etc/tessera-secrets/{}/{}", key.name, key.key); }

std::vector<SecretKey> relay_secrets(const Spec& spec) {
  std::vector<SecretKey> out;
  const auto take = [&](const SecretKey& key) {
    if (std::ranges::count(out, key) == 0) out.push_back(key);
  };
  const auto take_all = [&](const auto& one) {
    if (one.tls)
      for (const auto* key : {&one.tls->ca, &one.tls->cert, &one.tls->key})
        if (*key) take(**key);
    if (one.basic_auth) take(one.basic_auth->password);
    if (one.authorization) take(one.authorization->credentials);
  };
  for (const Target& target : spec.features.open_agent.targets)
    for (const Endpoint& endpoint : target.endpoints) take_all(endpoint);
  for (const RemoteWrite& receiver : spec.remote_write) take_all(receiver);
  return out;
}

}  // namespace tessera::operate
