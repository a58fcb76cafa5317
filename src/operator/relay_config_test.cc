#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

using testing::ElementsAre;

constexpr std::string_view kAgents =
    "k8sAgent: {nodeAgent: {enabled: true, nodeMetrics: {exporter: none}}, gpuMonitoring: {enabled: true";

Json config_of(const Plan& plan) {
  return json_of(find(plan, "ConfigMap", "tessera-relay")["data"]["relay.yaml"].get<std::string>());
}

std::vector<std::string> names_of(const Json& list, const char* key) {
  std::vector<std::string> out;
  for (const Json& one : list) out.push_back(one[key]);
  return out;
}

Json target_of(const Json& config, std::string_view name) {
  for (const Json& one : config["targets"])
    if (one["targetName"] == name) return one;
  return nullptr;
}

/// An open agent with these targets, beside GPU agents.
Json config_with(std::string_view targets, std::string_view gpu = "") {
  return config_of(plan_of(
      fmt::format("{{features: {{openAgent: {{enabled: true, targets: [{}]}}, {}{}}}}}}}}}", targets, kAgents, gpu)));
}

TEST(RelayConfig, WithoutTargetsAllThatIsKnownIsFound) {
  const Json config = config_with("");
  EXPECT_EQ(config["builtinTargets"],
            Json::parse(R"({"tesseraAgent": true, "dcgmExporter": true, "vllm": true, "sglang": true})"));
  EXPECT_THAT(names_of(config["targets"], "targetName"), ElementsAre("tessera-relay", "tessera-server"));
}

TEST(RelayConfig, ATargetOnOurAgentsTakesTheirPlace) {
  const Json config = config_with(
      "{targetName: gpu, selector: {matchLabels: {name: tessera-node-agent}}, endpoints: [{port: '9400'}]}");
  EXPECT_EQ(config["builtinTargets"]["tesseraAgent"], false) << "or every number would be told twice";
  const Json endpoint = target_of(config, "gpu")["endpoints"][0];
  EXPECT_EQ(endpoint["honorLabels"], true) << "pod and namespace are the process's";
  EXPECT_EQ(endpoint["addNodeLabel"], true);
}

TEST(RelayConfig, ATargetOnOthersLeavesOursAlone) {
  static const struct {
    std::string_view target;
    bool of_gpus;  ///< pod and namespace on its page are the GPU process's
  } kCases[] = {
      {"{targetName: x, selector: {matchLabels: {app: custom}}, endpoints: [{port: '9400'}]}", true},
      {"{targetName: x, selector: {matchLabels: {app: custom}}, endpoints: [{port: '9400', honorLabels: false}]}",
       false},
      {"{targetName: x, selector: {matchLabels: {name: tessera-node-agent}}, endpoints: [{port: '8000'}]}", false},
      {"{targetName: x, enabled: false, selector: {}, endpoints: [{port: '9400'}]}", true},
      {"{targetName: x, namespaceSelector: {matchNames: [other]}, selector: {}, endpoints: [{}]}", false}};
  for (const auto& c : kCases) {
    const Json config = config_with(c.target);
    EXPECT_EQ(config["builtinTargets"]["tesseraAgent"], true) << c.target;
    EXPECT_EQ(config["builtinTargets"]["dcgmExporter"], false) << "the target may be it";
    EXPECT_EQ(target_of(config, "x")["endpoints"][0].contains("honorLabels"), c.of_gpus) << c.target;
  }
}

TEST(RelayConfig, OurDcgmExporterIsFoundBesideTargets) {
  const std::string_view other = "{targetName: x, selector: {matchLabels: {app: a}}, endpoints: [{port: '1'}]}";
  EXPECT_TRUE(target_of(config_with("", ", exporter: dcgm"), "tessera-node-agent").is_null()) << "it is built in";
  EXPECT_TRUE(target_of(config_with(other), "tessera-node-agent").is_null());
  const Json target = target_of(config_with(other, ", exporter: dcgm"), "tessera-node-agent");
  EXPECT_EQ(target["endpoints"][0]["deriveGpuWeights"], true);
  EXPECT_EQ(target["selector"]["matchLabels"]["app.kubernetes.io/component"], "node-agent");
}

TEST(RelayConfig, SaysWhatTheResourceSays) {
  const Json config = config_of(plan_of(R"({clusterName: east, externalLabels: {site: a}, server: {enabled: false},
      promql: {bundled: none}, features: {openAgent: {enabled: true, globalInterval: 20s, globalPath: /m,
      builtinTargets: {vllm: false}, targets: [
      {targetName: t, selector: {matchExpressions: [{key: a, operator: Exists}]}, endpoints: [
        {port: web, interval: 10s, scrapeTimeout: 5s, scheme: https, params: {a: [b]}, honorLabels: false,
         tlsConfig: {caSecret: {name: s, key: ca}}, basicAuth: {username: u, passwordSecret: {name: s, key: p}},
         metricRelabelings: [{action: drop, sourceLabels: [a]}]}]},
      {targetName: fixed, type: Static, addresses: ["a:1"]}]}},
      remoteWrite: [{name: far, url: "https://far/write", headers: {X-Scope-OrgID: a},
                     authorization: {credentialsSecret: {name: t, key: token}}}]})"));
  EXPECT_EQ(plain(config), plain(Json::parse(R"({
    "externalLabels": {"cluster": "east", "site": "a"}, "globalInterval": "20s", "globalPath": "/m",
    "builtinTargets": {"tesseraAgent": false, "dcgmExporter": false, "vllm": false, "sglang": false},
    "targets": [
      {"targetName": "t", "type": "PodMonitor", "selector": {"matchExpressions": [{"key": "a", "operator": "Exists"}]},
       "endpoints": [{"port": "web", "interval": "10s", "scrapeTimeout": "5s", "scheme": "https", "params": {"a": ["b"]},
                      "tlsConfig": {"caFile": "/etc/tessera-secrets/s/ca"},
                      "basicAuth": {"username": "u", "passwordFile": "/etc/tessera-secrets/s/p"},
                      "metricRelabelings": [{"action": "drop", "sourceLabels": ["a"]}]}]},
      {"targetName": "fixed", "type": "Static", "addresses": ["a:1"]},
      {"targetName": "tessera-relay", "type": "PodMonitor", "namespaceSelector": {"matchNames": ["tessera"]},
       "selector": {"matchLabels": {"app.kubernetes.io/component": "relay", "app.kubernetes.io/instance": "monitor",
                                   "app.kubernetes.io/part-of": "tessera"}},
       "endpoints": [{"port": "9411"}]}],
    "remoteWrite": [{"name": "far", "url": "https://far/write", "headers": {"X-Scope-OrgID": "a"},
                     "authorization": {"type": "Bearer", "credentialsFile": "/etc/tessera-secrets/t/token"}}]})")));
}

TEST(RelayConfig, RulesInPrometheusSpellingAreTakenToo) {
  const Json config = config_of(plan_of(R"({features: {openAgent: {enabled: true, targets: [
      {targetName: t, selector: {}, relabelConfigs: [{source_labels: [a], target_label: b}], endpoints: [
        {port: web, relabelings: [{sourceLabels: [b], targetLabel: c}],
         metricRelabelings: [{action: drop, sourceLabels: [x]}],
         metricRelabelConfigs: [{source_labels: [__name__], regex: DCGM.*, action: keep}]}, {port: other}]}]}}})"));
  const Json& endpoints = config["targets"][0]["endpoints"];
  EXPECT_EQ(plain(endpoints[0]["relabelings"]), plain(Json::parse(R"([{"sourceLabels": ["a"], "targetLabel": "b"},
                                  {"sourceLabels": ["b"], "targetLabel": "c"}])")))
      << "the target's own first";
  EXPECT_EQ(plain(endpoints[0]["metricRelabelings"]), plain(Json::parse(R"([{"action": "drop", "sourceLabels": ["x"]},
                                  {"sourceLabels": ["__name__"], "regex": "DCGM.*", "action": "keep"}])")));
  EXPECT_EQ(endpoints[1]["relabelings"].size(), 1U);
}

TEST(RelayConfig, SettingsOfTheRelayWin) {
  const Json config = config_of(plan_of(
      "{features: {openAgent: {enabled: true, settings: {externalLabels: {site: a}, global: {sample_limit: 9}}}}}"));
  EXPECT_EQ(config["externalLabels"]["cluster"], "default") << "and what they do not say stays";
  EXPECT_EQ(config["externalLabels"]["site"], "a");
  EXPECT_EQ(config["global"]["sample_limit"], 9);
}

TEST(RelayConfig, SecretsAreMountedKeyByKey) {
  const Plan plan = plan_of(R"({features: {openAgent: {enabled: true}}, remoteWrite: [
      {name: a, url: "https://a", authorization: {credentialsSecret: {name: s, key: one}}},
      {name: b, url: "https://b", authorization: {credentialsSecret: {name: s, key: one}}},
      {name: c, url: "https://c", tlsConfig: {caSecret: {name: s, key: two}}}]})");
  const Json pod = find(plan, "StatefulSet", "tessera-relay")["spec"]["template"]["spec"];
  Json sources;
  for (const Json& volume : pod["volumes"])
    if (volume["name"] == "secrets") sources = volume["projected"]["sources"];
  ASSERT_EQ(sources.size(), 2U) << sources;
  EXPECT_EQ(sources[1]["secret"]["items"][0]["path"], "s/two");
  EXPECT_EQ(sources[1]["secret"]["optional"], true) << "one that is missing costs its target alone";
}

TEST(RelayConfig, NodeMetricsComeFromOursOrFromTheirs) {
  const auto target = [](std::string_view metrics) {
    return target_of(config_of(plan_of(fmt::format("{{features: {{openAgent: {{enabled: true}}, k8sAgent: {{nodeAgent: "
                                                   "{{enabled: true, nodeMetrics: {{{}}}}}}}}}}}",
                                                   metrics))),
                     "tessera-node-exporter");
  };
  EXPECT_EQ(target("")["selector"]["matchLabels"]["app.kubernetes.io/component"], "node-exporter");
  EXPECT_EQ(target("")["endpoints"][0]["port"], "9101");
  EXPECT_EQ(target("exporter: bundled, port: 9200")["endpoints"][0]["port"], "9200");
  const Json usual = target("exporter: existing");
  EXPECT_EQ(usual["endpoints"][0]["port"], "9100") << "as node_exporter listens";
  EXPECT_EQ(usual["selector"]["matchExpressions"][0]["values"],
            Json::parse(R"(["node-exporter", "prometheus-node-exporter"])"));
  const Json theirs = target("exporter: existing, port: 9300, selector: {matchLabels: {app: ne}}");
  EXPECT_EQ(theirs["selector"], Json::parse(R"({"matchLabels": {"app": "ne"}})"));
  EXPECT_EQ(theirs["endpoints"][0]["port"], "9300");
  EXPECT_TRUE(target("exporter: none").is_null());
}

}  // namespace
}  // namespace tessera::operate
