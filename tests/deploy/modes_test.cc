// The chart's two modes: what it renders itself, and what the operator makes of the GpuMonitor that it renders from the
// same values, are the same objects.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "base/files.h"
#include "tests/deploy/rendered.h"
#include "tests/e2e/node.h"

namespace tessera::e2e {
namespace {

/// Values by path: "spec.replicas" to "1". Members of a list are called by their names where they have one.
using Flat = std::map<std::string, std::string>;

std::string called(const YAML::Node& item, std::size_t index) {
  for (const char* key : {"name", "targetName"})
    if (item.IsMap() && item[key]) return item[key].as<std::string>();
  return std::to_string(index);
}

/// As both write it: modes are octal in the chart, and names and addresses of what the operator makes are its own.
std::string canonical(const std::string& text) {
  static const std::regex kOctal("0[0-7]+"), kService("\\.svc:");
  if (std::regex_match(text, kOctal)) return std::to_string(std::stoi(text, nullptr, 8));
  static const std::regex kAgent("^([a-z0-9-]+/)?tessera-node-agent$");
  return std::regex_replace(std::regex_replace(text, kAgent, "$1tessera-agent"), kService, ":");
}

void flatten(const YAML::Node& node, const std::string& path, Flat& out) {
  if (node.IsMap() && node.size() > 0) {
    for (const auto& entry : node) flatten(entry.second, path + '.' + entry.first.as<std::string>(), out);
  } else if (node.IsSequence() && node.size() > 0) {
    for (std::size_t i = 0; i < node.size(); ++i) flatten(node[i], fmt::format("{}.{}", path, called(node[i], i)), out);
  } else if (path.ends_with(".yaml")) {
    flatten(YAML::Load(node.as<std::string>()), path, out);  // a file in a ConfigMap
  } else {
    out[path] = node.IsScalar() ? canonical(node.as<std::string>()) : "";
  }
}

/// What differs on purpose.
constexpr struct {
  const char *where, *why;
} kDiffers[] = {
    {"metadata\\.(labels|name|namespace|ownerReferences).*", "each has its own inventory"},
    {".*[sS]elector\\.matchLabels.*|Service/[^.]*\\.spec\\.selector.*", "and finds its own by that"},
    {".*metadata\\.(labels|annotations\\.(checksum|tessera)).*", "a hash of the settings, by two ways"},
    {"DaemonSet/.*\\.agent\\.args\\.[12]", "--interval, which the operator always says, before --textfile"},
    {".*\\.env\\.DATABASE_URL\\.valueFrom\\.secretKeyRef\\.optional", "false, as without it"},
    {"ServiceAccount/.*|.*\\.automountServiceAccountToken", "true, as without it"},
    {".*(ports\\.(http|admission)\\.targetPort|ingress\\.[01]\\.ports\\.0\\.port)", "by the port's name or its number"},
    {".*\\.clientConfig\\.caBundle", "of the certificate that helm makes; the operator's own is in no file"},
    {".*roleRef\\.name|.*subjects\\.[^.]*\\.name|.*serviceName", "objects of the one and the other"},
};

bool differs_on_purpose(const std::string& path) {
  const std::string inner = path.substr(path.find('.') + 1);
  for (const auto& [where, why] : kDiffers)
    if (std::regex_match(path, std::regex(where)) || std::regex_match(inner, std::regex(where))) return true;
  return false;
}

/// By kind and program, for names differ.
Flat flat(const Objects& objects, const std::set<std::string>& kinds_left_out) {
  Flat out;
  for (const auto& object : objects.all()) {
    const auto kind = object["kind"].as<std::string>();
    if (kinds_left_out.contains(kind)) continue;
    Flat one;
    auto program = object["metadata"]["labels"]["app.kubernetes.io/name"].as<std::string>();
    if (object["metadata"]["name"].as<std::string>().ends_with("-admission")) program += "-admission";
    flatten(object, fmt::format("{}/{}", kind, program), one);
    for (auto& [path, value] : one)
      if (!differs_on_purpose(path)) out[path] = value;
  }
  return out;
}

std::string difference(const Flat& plain, const Flat& by_operator) {
  std::string out;
  for (const auto& [path, value] : plain) {
    const auto other = by_operator.find(path);
    if (other == by_operator.end())
      out += fmt::format("only in the chart: {} = {}\n", path, value);
    else if (other->second != value)
      out += fmt::format("{}: {} in the chart, {} by the operator\n", path, value, other->second);
  }
  for (const auto& [path, value] : by_operator)
    if (!plain.contains(path)) out += fmt::format("only by the operator: {} = {}\n", path, value);
  return out;
}

constexpr const char* kSessionsInFiles = "SessionsInFilesTlsAndAClaimOfOnesOwn";
constexpr const char* kCsv = "metricsCsv: |\n    DCGM_FI_DEV_GPU_TEMP, gauge, Temperature.\n";

const std::map<std::string, std::string>& rows() {
  static const std::map<std::string, std::string> kRows = {
      {"Defaults", fmt::format("agent:\n  {}\nserver: {{keys: {{existingSecret: my-keys}}}}", kCsv)},
      {"Everything",
       fmt::format(
           "cluster: seoul\n"
           "image: {{registry: 'reg.example:5000/gpu/', tag: '9', pullPolicy: Always, pullSecrets: [{{name: mine}}]}}\n"
           "nodeSelector: {{accelerator: nvidia}}\n"
           "agent:\n  {}  env: [{{name: TESSERA_DCGM_NAMES, value: '4.9'}}]\n  runtimeClassName: nvidia\n"
           "  migMonitor: true\n  layout: {{enabled: true, dryRun: true, way: mig-manager, windows: ['22:00-04:00', "
           "'12:00-12:30']}}\n  "
           "resources: {{requests: {{cpu: 5m}}, limits: {{memory: 1Gi}}}}\n"
           "relay: {{replicas: 2, storage: {{size: 7Gi, className: fast}}, nodeSelector: {{disk: fast}},\n"
           "  tolerations: [{{key: infra, operator: Exists}}],\n"
           "  remoteWrite: [{{name: store, url: 'https://x.example/write', headers: {{X-Scope-OrgID: gpu}},\n"
           "    writeRelabelConfigs: [{{sourceLabels: [job], regex: x, action: drop}}]}}]}}\n"
           "server: {{replicas: 2, keys: {{existingSecret: my-keys}}, database: {{existingSecret: db}},\n"
           "  admission: {{enabled: true, certManager: {{issuerRef: {{name: ca, kind: ClusterIssuer}}}}}},\n"
           "  config: {{owners: {{team-label: [team]}}}}, service: {{type: NodePort}}, nodeSelector: {{zone: a}},\n"
           "  tolerations: [{{key: infra, operator: Exists}}], resources: {{limits: {{memory: 8Gi}}}}}}\n",
           kCsv)},
      {"Admission",
       fmt::format("agent:\n  {}\nserver: {{keys: {{existingSecret: my-keys}}, admission: {{enabled: true}}}}", kCsv)},
      {kSessionsInFiles,
       fmt::format("agent:\n  {}  layout: {{enabled: true}}\n"
                   "gpu-session-monitoring: {{enabled: true}}\ncollection: {{directory: /var/lib/textfiles}}\n"
                   "relay: {{config: {{globalInterval: 5s, globalPath: /m, externalLabels: {{site: a}}}}}}\n"
                   "server: {{keys: {{existingSecret: my-keys}}, tls: {{existingSecret: tls}},\n"
                   "  storage: {{existingClaim: mine}}}}\n",
                   kCsv)},
      {"AgentsWithoutPolicies",
       fmt::format(
           "agent:\n  {}\nrelay: {{enabled: false}}\nserver: {{enabled: false}}\nnetworkPolicy: {{enabled: false}}",
           kCsv)},
  };
  return kRows;
}

Objects render(const std::string& values) {
  const Finished made = run_helm({"template", "tessera", "--namespace", "gpu"}, values);
  EXPECT_EQ(made.code, 0) << values << made.output;
  return made.code == 0 ? Objects(made.output) : Objects();
}

/// What the operator makes of the values; `more` is of the values' `operator`.
Objects operated(const std::string& values, const std::string& more = "") {
  const TempDir folder;
  const Finished monitor =
      run_helm({"template", "tessera", "--namespace", "gpu", "--no-hooks", "--show-only", "templates/monitor.yaml"},
               fmt::format("{}\noperator: {{enabled: true{}}}", values, more));
  EXPECT_EQ(monitor.code, 0) << values << monitor.output;
  const auto file = folder.path() / "monitor.yaml";
  EXPECT_TRUE(write_file_atomically(file, monitor.output));
  const Finished planned = run({program("tessera-operator"), "--once", "--dry-run", "--file", file.string()});
  EXPECT_EQ(planned.code, 0) << monitor.output << planned.output;
  return planned.code == 0 ? Objects(planned.output) : Objects();
}

TEST(ChartModes, GiveEqualObjects) {
  if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  for (const auto& [name, values] : rows()) {
    // A namespace is the administrator's in plain mode. One relay needs no lease; the chart gives it the right all the
    // same.
    std::set<std::string> left_out = {"Namespace"};
    if (name != "Everything" && name != "AgentsWithoutPolicies") left_out.insert({"Role", "RoleBinding"});
    if (name == kSessionsInFiles) left_out.insert("CronJob");  // the chart makes it in both modes
    if (name == "Admission") left_out.insert("Secret");        // made once by both, and no part of a plan
    const Flat plain = flat(render(values), left_out), by_operator = flat(operated(values), left_out);
    EXPECT_GT(plain.size(), 50U) << name;
    EXPECT_EQ(difference(plain, by_operator), "") << name;
  }
}

TEST(ChartModes, OperatorModeRefusesWhatAGpuMonitorHasNoPlaceFor) {
  if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  static constexpr struct {
    const char *values, *says;
  } kCases[] = {
      {"agent: {args: [--interval=5s]}", "agent.args is set"},
      {"relay: {config: {remoteWrite: [{name: a, url: 'https://x.example'}]}}", "relay.config.remoteWrite is set"},
      {"relay: {namespaces: [ml]}", "relay.namespaces is set"},
      {"relay: {remoteWrite: [{url: 'https://x.example', bearerTokenFile: /x}]}", "has the key bearerTokenFile"},
      {"server: {service: {port: 80}}", "server.service.port is set"},
      {"server: {admission: {enabled: true, existingSecret: mine}}", "server.admission.existingSecret is set"},
      {"server: {alertActions: {nodes: true}}", "server.alertActions.nodes is set"},
      {"networkPolicy: {from: [{namespaceSelector: {}}]}", "networkPolicy.from is set"},
      {"relay: {config: {targets: [{targetName: a, selector: {}, endpoints: [{port: x, bearerTokenFile: /t}]}]}}",
       "endpoint of relay.config.targets has the key bearerTokenFile"},
      {"relay: {config: {targets: [{targetName: a, selector: {}, endpoints: [{tlsConfig: {caFile: /t}}]}]}}",
       "tlsConfig in relay.config.targets has the key caFile"},
      {"relay: {config: {targets: [{targetName: a, fieldSelector: {}}]}}", "has the key fieldSelector"},
      {"relay: {config: {builtinTargets: {namespaceSelector: {matchNames: [ml]}}}}",
       "builtinTargets has the key namespaceSelector"},
  };
  for (const auto& c : kCases) {
    const Finished made = run_helm({"template", "tessera"}, std::string("operator: {enabled: true}\n") + c.values);
    EXPECT_NE(made.code, 0) << c.values;
    EXPECT_THAT(made.output, testing::HasSubstr(c.says)) << c.values;
  }
}

TEST(ChartModes, TheOperatorHasTheRightsThatItAsksFor) {
  if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  const Finished asked = run({program("tessera-operator"), "--rights"});
  ASSERT_EQ(asked.code, 0) << asked.output;
  const auto roles = render("operator: {enabled: true}").of("ClusterRole");
  ASSERT_EQ(roles.size(), 1U);
  EXPECT_EQ(YAML::Dump(roles[0]["rules"]), YAML::Dump(YAML::Load(asked.output)["rules"]))
      << "./dev manifests writes them anew";
}

TEST(ChartModes, ASpecOfOnesOwnWins) {
  if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  const Objects made =
      operated("",
               ", monitor: {name: mine, spec: {promql: {bundled: victoria-metrics}, clusterName: other,"
               " features: {k8sAgent: {nodeAgent: {nodeMetrics: {exporter: bundled}}}}}}");
  EXPECT_TRUE(made.names().contains("Deployment/tessera-promql"));
  EXPECT_TRUE(made.names().contains("DaemonSet/tessera-node-exporter"));
  EXPECT_THAT(made.at("ConfigMap/tessera-server:data.server\\.yaml"), testing::HasSubstr("cluster: other"));
}

}  // namespace
}  // namespace tessera::e2e
