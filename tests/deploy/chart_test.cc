// The chart, rendered by helm over a table of values, and what the programs make of the files in it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/files.h"
#include "http/client.h"
#include "tests/deploy/rendered.h"
#include "tests/e2e/node.h"
#include "tests/e2e/prometheus.h"

namespace tessera::e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

class Chart : public testing::Test {
 protected:
  void SetUp() override {
    if (helm().empty()) GTEST_SKIP() << "helm is missing: $TESSERA_PEERS/helm/helm is where ./dev puts it";
  }
  static Objects rendered(const std::string& values, const Release& release = {}, std::vector<std::string> flags = {},
                          const std::string& chart = "") {
    flags.insert(flags.begin(), {"template", release.name, "--namespace", release.space});
    const Finished made = run_helm(std::move(flags), values, chart);
    EXPECT_EQ(made.code, 0) << values << made.output;
    return made.code == 0 ? Objects(made.output) : Objects();
  }
};

struct Row {
  const char* name;
  const char* values;
  std::map<std::string, std::string> says;  ///< see Objects::at
  std::set<std::string> given = {};         ///< what stands in the cluster already
  std::vector<std::string> flags = {};
};

constexpr const char* kAgentPod = "DaemonSet/tessera-agent:spec.template.spec.";
constexpr const char* kRelayPod = "StatefulSet/tessera-relay:spec.template.spec.";
constexpr const char* kServerPod = "Deployment/tessera-server:spec.template.spec.";
constexpr const char* kJob = "CronJob/gpu-session-metrics-collector:spec.";
std::string in(const char* pod, const char* path) { return std::string(pod) + path; }

const std::vector<Row>& rows() {
  static const std::string kDigest = "sha256:" + std::string(64, 'a');
  static const std::string kDigestValues =
      "image: {registry: 'reg.example:5000/gpu/', tag: '9', pullSecrets: [{name: mine}]}\nagent: {image: {digest: '" +
      kDigest + "'}}";
  static const std::vector<Row> kRows = {
      {"Defaults",
       "",
       {{in(kAgentPod, "nodeSelector.nvidia\\.com/gpu\\.present"), "-"},
        {in(kAgentPod,
            "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.0.matchExpressions."
            "0.key"),
         "nvidia.com/gpu.present"},
        {in(kAgentPod, "containers.0.args"), "-"},
        {in(kServerPod, "volumes.3.persistentVolumeClaim.claimName"), "tessera-server"},
        {"Deployment/tessera-server:spec.strategy.type", "Recreate"},
        {"PodDisruptionBudget/tessera-relay:kind", "no PodDisruptionBudget/tessera-relay"},
        {"NetworkPolicy/tessera-agent:spec.policyTypes.1", "Egress"}}},
      {"Registry",
       kDigestValues.c_str(),
       {{in(kAgentPod, "containers.0.image"), "reg.example:5000/gpu/tessera-agent@" + kDigest},
        {in(kRelayPod, "containers.0.image"), "reg.example:5000/gpu/tessera-relay:9"},
        {in(kServerPod, "imagePullSecrets.0.name"), "mine"}}},
      {"PostgreSql",
       "server: {replicas: 2, database: {existingSecret: db}}",
       {{"Deployment/tessera-server:spec.strategy.type", "RollingUpdate"},
        {in(kServerPod, "containers.0.env.0.name"), "DATABASE_URL"},
        {in(kServerPod, "containers.0.env.0.valueFrom.secretKeyRef.name"), "db"},
        {in(kServerPod, "volumes.3.emptyDir.sizeLimit"), "20Gi"},
        {"PersistentVolumeClaim/tessera-server:kind", "no PersistentVolumeClaim/tessera-server"},
        {"PodDisruptionBudget/tessera-server:spec.maxUnavailable", "1"}}},
      {"OwnSecretsAndClaim",
       "server: {keys: {existingSecret: keys}, tls: {existingSecret: tls}, storage: {existingClaim: disk}}\n"
       "relay: {existingSecret: passwords, remoteWrite: [{name: store, url: 'https://x.example/write'}]}",
       {{"Secret/tessera-server:kind", "no Secret/tessera-server"},
        {in(kServerPod, "containers.0.readinessProbe.httpGet.scheme"), "HTTPS"},
        {in(kRelayPod, "volumes.1.secret.secretName"), "keys"}},
       {"Secret/keys", "Secret/tls", "Secret/passwords", "PersistentVolumeClaim/disk"}},
      {"SessionsByTheAgents",
       "gpu-session-monitoring: {enabled: true}",
       {{in(kAgentPod, "containers.0.args.0"),
         "--textfile=/var/lib/node_exporter/textfile_collector/gpu_sessions.prom"},
        {in(kAgentPod, "volumes.3.hostPath.path"), "/var/lib/node_exporter/textfile_collector"},
        {in(kJob, "suspend"), "true"}}},
      {"SessionsByOneCronJob",  // a values file that was written for another session monitor
       "gpu-session-monitoring: {enabled: true}\n"
       "collection: {mode: cronjob, schedule: '*/5 * * * *'}\n"
       "nodeSelector: {accelerator: nvidia}\n"
       "tolerations: [{key: nvidia.com/gpu, operator: Exists, effect: NoSchedule}]",
       {{in(kJob, "schedule"), "*/5 * * * *"},
        {in(kJob, "suspend"), "false"},
        {in(kJob, "jobTemplate.spec.template.spec.nodeSelector.accelerator"), "nvidia"},
        {in(kJob, "jobTemplate.spec.template.spec.nodeSelector.nvidia\\.com/gpu\\.present"), "-"},
        {in(kJob, "jobTemplate.spec.template.spec.tolerations.1"), "-"},
        {in(kJob, "jobTemplate.spec.template.spec.containers.0.resources.limits.cpu"), "200m"},
        {in(kJob, "jobTemplate.spec.template.spec.containers.0.resources.requests.memory"), "128Mi"},
        {in(kAgentPod, "containers.0.args"), "-"}}},
      {"SessionsOfNamedNodes",
       "gpu-session-monitoring: {enabled: true}\nagent: {enabled: false}\n"
       "collection: {mode: cronjob, nodes: [worker-01, gpu-node-17.rack-4.dc.example.internal]}",
       {{in(kJob, "suspend"), "true"},
        {"CronJob/gpu-session-metrics-collector-worker-01:spec.suspend", "false"},
        {"CronJob/gpu-session-metrics-collector-worker-01:spec.jobTemplate.spec.template.spec.affinity.nodeAffinity."
         "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms.0.matchFields.0.values.0",
         "worker-01"}}},
      {"MigMonitor",
       "agent: {migMonitor: true, metricsCsv: 'DCGM_FI_DEV_GPU_TEMP, gauge, t', runtimeClassName: nvidia}",
       {{in(kAgentPod, "containers.0.securityContext.capabilities.add.0"), "SYS_ADMIN"},
        {in(kAgentPod, "containers.0.securityContext.allowPrivilegeEscalation"), "true"},
        {in(kAgentPod, "containers.0.args.0"), "--collectors=/etc/tessera/metrics/metrics.csv"},
        {in(kAgentPod, "runtimeClassName"), "nvidia"}}},
      {"MigLayout",
       "agent: {layout: {enabled: true, windows: ['22:00-04:00']}}\nserver: {tls: {existingSecret: tls}}",
       {{in(kAgentPod, "containers.0.securityContext.privileged"), "-"},
        {in(kAgentPod, "containers.1.args.0"), "layout"},
        {in(kAgentPod, "containers.1.args.1"), "--server=https://tessera-server.gpu:8080"},
        {in(kAgentPod, "containers.1.args.4"), "--window=22:00-04:00"},
        {in(kAgentPod, "containers.1.args.5"), "--ca-file=/etc/tessera-server-ca/ca.crt"},
        {in(kAgentPod, "containers.1.ports"), "-"},
        {in(kAgentPod, "containers.1.securityContext.privileged"), "true"},
        {in(kAgentPod, "volumes.5.projected.sources.0.serviceAccountToken.audience"), "tessera"},
        {"ClusterRole/tessera-server:rules.3.resources.0", "tokenreviews"},
        {"ClusterRole/tessera-server:rules.4.resources.0", "nodes"},
        {"ClusterRole/tessera-server:rules.4.verbs.0", "patch"},
        {"Role/tessera-server:metadata.namespace", "gpu-operator"},
        {"Role/tessera-server:rules.0.verbs.2", "delete"},
        {"RoleBinding/tessera-server:subjects.0.namespace", "gpu"},
        {"NetworkPolicy/tessera-agent:spec.policyTypes.1", "-"}},
       {"Secret/tls"}},
      {"Admission",
       "server: {admission: {enabled: true}}\nnetworkPolicy: {from: [{namespaceSelector: {}}]}",
       {{"Service/tessera-server-admission:spec.ports.0.port", "443"},
        {"Service/tessera-server-admission:spec.ports.0.targetPort", "admission"},
        {in(kServerPod, "containers.0.ports.1.containerPort"), "9443"},
        {in(kServerPod, "volumes.3.secret.secretName"), "tessera-server-admission"},
        {in(kServerPod, "volumes.3.secret.items.2"), "-"},
        {"Secret/tessera-server-admission:type", "Opaque"},
        {"MutatingWebhookConfiguration/tessera-server-admission:webhooks.0.failurePolicy", "Ignore"},
        {"MutatingWebhookConfiguration/tessera-server-admission:webhooks.5.objectSelector.matchExpressions.5.key",
         "tessera.dev/serving-model"},
        {"ClusterRole/tessera-server:rules.3.verbs.0", "patch"},
        {"NetworkPolicy/tessera-server:spec.ingress.1.ports.0.port", "admission"},
        {"NetworkPolicy/tessera-server:spec.ingress.1.from", "-"}}},
      {"AdmissionByCertManager",
       "server: {admission: {enabled: true, certManager: {issuerRef: {name: ca, kind: ClusterIssuer}}}}",
       {{"Certificate/tessera-server-admission:spec.issuerRef.kind", "ClusterIssuer"},
        {"MutatingWebhookConfiguration/tessera-server-admission:metadata.annotations.cert-manager\\.io/inject-ca-from",
         "gpu/tessera-server-admission"},
        {"MutatingWebhookConfiguration/tessera-server-admission:webhooks.0.clientConfig.caBundle", "-"}},
       {"Secret/tessera-server-admission"}},
      {"AdmissionByAnOwnSecret",
       "server: {admission: {enabled: true, existingSecret: mine, caBundle: '-----BEGIN CERTIFICATE-----'}}",
       {{in(kServerPod, "volumes.3.secret.secretName"), "mine"},
        {"MutatingWebhookConfiguration/tessera-server-admission:webhooks.3.clientConfig.caBundle",
         "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t"}},
       {"Secret/mine"}},
      {"RelayOfFewNamespaces",
       "relay: {replicas: 3, namespaces: [ml, gpu]}\nnetworkPolicy: {from: [{namespaceSelector: {}}]}",
       {{"ClusterRole/tessera-relay:kind", "no ClusterRole/tessera-relay"},
        {"RoleBinding/tessera-relay-pods:metadata.namespace", "ml"},
        {in(kRelayPod, "containers.0.args.2"), "--shard=$(POD_INDEX)/3"},
        {"PodDisruptionBudget/tessera-relay:apiVersion", "policy/v1"}}},
      {"Monitors",
       "podMonitor: {enabled: true, labels: {release: prometheus}}\ndashboards: {enabled: true}",
       {{"PodMonitor/tessera-agent:spec.podMetricsEndpoints.0.honorLabels", "true"},
        {"PodMonitor/tessera-server:metadata.labels.release", "prometheus"},
        {"DaemonSet/tessera-agent:spec.template.metadata.annotations", "-"},
        {"ConfigMap/tessera-dashboard-mig:metadata.labels.grafana_dashboard", "1"}}},
      {"OldCluster",
       "server: {replicas: 2, database: {existingSecret: db}}\ngpu-session-monitoring: {enabled: true}",
       {{"PodDisruptionBudget/tessera-server:apiVersion", "policy/v1beta1"},
        {"CronJob/gpu-session-metrics-collector:apiVersion", "batch/v1beta1"}},
       {},
       {"--kube-version", "1.20.2"}},
      {"ServiceMonitors",
       "serviceMonitor: {enabled: true, interval: 30s}",
       {{"ServiceMonitor/tessera-agent:spec.endpoints.0.port", "http"},
        {"ServiceMonitor/tessera-server:spec.endpoints.0.interval", "30s"},
        {"Service/tessera-agent:spec.ports.0.name", "http"},
        {"DaemonSet/tessera-agent:spec.template.metadata.annotations", "-"}}},
      {"OwnPostgreSql",
       "database: {enabled: true, storage: {className: fast}}\nserver: {replicas: 2}\nimage: {registry: reg.example}",
       {{"StatefulSet/tessera-database:spec.template.spec.containers.0.image", "reg.example/library/postgres:16"},
        {"StatefulSet/tessera-database:spec.volumeClaimTemplates.0.spec.storageClassName", "fast"},
        {in(kServerPod, "containers.0.env.0.valueFrom.secretKeyRef.name"), "tessera-database"}}},
      {"Operator",
       "operator: {enabled: true, monitor: {name: mine}, resources: {limits: {memory: 64Mi}}}\nimage: {tag: '9'}",
       {{"Deployment/tessera-operator:spec.template.spec.containers.0.image", "tessera-operator:9"},
        {"Deployment/tessera-operator:spec.template.spec.containers.0.resources.limits.memory", "64Mi"},
        {"PodDisruptionBudget/tessera-operator:spec.maxUnavailable", "1"},
        {"GpuMonitor/mine:spec.namespace", "gpu"},
        {"GpuMonitor/mine:spec.server.image", "tessera-server:9"},
        {"Deployment/tessera-server:kind", "no Deployment/tessera-server"}}},
      {"Nothing", "agent: {enabled: false}\nrelay: {enabled: false}\nserver: {enabled: false}", {}},
  };
  return kRows;
}

TEST_F(Chart, IsWellFormedWithEachRowOfValues) {
  for (const Row& row : rows()) {
    SCOPED_TRACE(row.name);
    const Objects objects = rendered(row.values, {}, row.flags);
    expect_well_formed(objects, {}, row.given);
    for (const auto& [where, want] : row.says) EXPECT_EQ(objects.at(where), want) << where;
  }
}

TEST_F(Chart, PassesLintWithEachRowOfValues) {
  for (const Row& row : rows()) {
    const Finished lint = run_helm({"lint", "--strict"}, row.values);
    EXPECT_EQ(lint.code, 0) << row.name << lint.output;
  }
}

TEST_F(Chart, RefusesWrongValuesWithTheirPlace) {
  static constexpr struct {
    const char *values, *says;
  } kCases[] = {
      {"agnet: {enabled: true}", "'agnet' not allowed"},
      {"operator: {enabled: often}", "/operator/enabled"},
      {"operator: {monitor: {spec: none}}", "/operator/monitor/spec"},
      {"rules: {kind: Secret}", "/rules/kind"},
      {"database: {enabled: true}\nserver: {database: {existingSecret: db}}", "set one of them"},
      {"podMonitor: {enabled: true}\nserviceMonitor: {enabled: true}", "would scrape everything twice"},
      {"collection: {mode: often}", "'/collection/mode': value must be one of 'daemonset', 'cronjob'"},
      {"collection: {directory: relative}", "/collection/directory"},
      {"nodeSelector: {gpu: true}", "/nodeSelector/gpu"},
      {"tolerations: {key: gpu}", "'/tolerations': got object, want array"},
      {"image: {registry: 'https://x'}", "/image/registry"},
      {"agent: {layout: {windows: [at night]}}", "/agent/layout/windows/0"},
      {"agent: {layout: {enabled: true}}\nserver: {enabled: false}", "set server.enabled: true"},
      {"agent: {image: {digest: latest}}", "/agent/image/digest"},
      {"server: {admission: {enabled: true, existingSecret: mine}}", "belong together"},
      {"server: {admission: {enabled: true, certManager: {issuerRef: {kind: Issuer}}}}", "issuerRef needs a name"},
      {"server: {admission: {enabled: true, certManager: {issuerRef: {name: a}}, existingSecret: mine, caBundle: "
       "'-----BEGIN "
       "CERTIFICATE-----'}}",
       "set one of them"},
      {"server: {admission: {caBundle: 'of file x'}}", "/server/admission/caBundle"},
      {"relay: {replicas: 0}", "'/relay/replicas': minimum"},
      {"relay: {remoteWrite: [{name: x}]}", "missing property 'url'"},
      {"server: {storage: {size: 20}}", "/server/storage/size"},
      {"server: {replicas: 2}", "SQLite on a volume serves one server"},
      {"gpu-session-monitoring: {enabled: true}\ncollection: {mode: cronjob, schedule: '*/30 * * * * *'}",
       "has 6 fields; cron has five (minute hour day month weekday) and knows no seconds"},
      {"gpu-session-monitoring: {enabled: true}\nagent: {enabled: false}", "set agent.enabled: true, or"},
  };
  for (const auto& c : kCases) {
    const Finished made = run_helm({"template", "tessera"}, c.values);
    EXPECT_NE(made.code, 0) << c.values;
    EXPECT_THAT(made.output, HasSubstr(c.says)) << c.values;
  }
}

TEST_F(Chart, SeveralRelaysNeedPodsThatKnowTheirNumber) {
  const auto of = [](const char* version) {
    return run_helm({"template", "tessera", "--kube-version", version}, "relay: {replicas: 2}");
  };
  EXPECT_THAT(of("1.27.9").output, HasSubstr("relay.replicas: 2 needs Kubernetes 1.28"));
  EXPECT_EQ(of("1.28.0").code, 0);
}

/// As `helm upgrade --reuse-values` has it: the chart of now, and not one value that came with it.
TEST_F(Chart, ValuesOfTheReleaseBeforeTakeWhatIsNewByItsDefaults) {
  const TempDir folder;
  const auto now = folder.path() / "tessera", before = folder.path() / "before";
  std::filesystem::copy(TESSERA_SOURCE_DIR "/deploy/helm/tessera", now, std::filesystem::copy_options::recursive);
  std::filesystem::create_directories(before);
  const Finished unpacked =
      run({"/bin/tar", "xzf", TESSERA_SOURCE_DIR "/tests/kube/charts/tessera-0.1.0.tgz", "-C", before.string()});
  ASSERT_EQ(unpacked.code, 0) << unpacked.output;
  std::filesystem::copy(before / "tessera" / "values.yaml", now / "values.yaml",
                        std::filesystem::copy_options::overwrite_existing);
  static constexpr struct {
    const char* values;
    const char* where;
  } kSwitches[] = {
      {"database: {enabled: true}\nserver: {replicas: 2}",
       "StatefulSet/tessera-database:spec.template.spec.containers.0.image"},
      {"database: {enabled: true}",
       "StatefulSet/tessera-database:spec.volumeClaimTemplates.0.spec.resources.requests.storage"},
      {"database: {enabled: true}",
       "StatefulSet/tessera-database:spec.template.spec.containers.0.resources.limits.memory"},
      {"agent: {layout: {enabled: true, way: mig-manager}}", "ConfigMap/tessera-server:data.server\\.yaml"},
      {"agent: {layout: {enabled: true}}", "ConfigMap/tessera-server:data.server\\.yaml"},
      {"operator: {enabled: true}", "GpuMonitor/tessera:spec.namespace"},
      {"podMonitor: {enabled: true}", "PodMonitor/tessera-agent:spec.podMetricsEndpoints.0.interval"},
      {"rules: {enabled: true, kind: ConfigMap}", "ConfigMap/tessera-rules:kind"},
      {"server: {admission: {enabled: true}}", "MutatingWebhookConfiguration/tessera-server-admission:kind"},
  };
  for (const auto& c : kSwitches) {
    const std::string old = rendered(c.values, {}, {}, now.string()).at(c.where);
    EXPECT_EQ(old, rendered(c.values).at(c.where)) << c.values;
    EXPECT_THAT(old, Not(HasSubstr("no "))) << c.values;
  }
}

TEST_F(Chart, StandsUnderAnyNameInAnyNamespace) {
  const std::string everything =
      "gpu-session-monitoring: {enabled: true}\nrelay: {replicas: 2}\ndashboards: {enabled: true}\n"
      "server: {replicas: 2, database: {existingSecret: db}}";
  for (const Release& release :
       {Release{"gpu", "monitoring"}, Release{"1st", "kube-system"}, Release{"a.b", "x"},
        Release{std::string(53, 'n'), std::string(63, 's')}, Release{"my-tessera-of-" + std::string(39, 'x'), "x"}}) {
    SCOPED_TRACE(release.name);
    expect_well_formed(rendered(everything, release), release, {});
  }
  EXPECT_EQ(rendered("", {"gpu", "x"}).at("DaemonSet/gpu-tessera-agent:metadata.namespace"), "x");
  EXPECT_EQ(rendered("fullnameOverride: eyes").at("DaemonSet/eyes-agent:kind"), "DaemonSet");
}

TEST_F(Chart, IsTheSameAsASubChart) {
  const TempDir folder;
  const auto parent = folder.path() / "parent";
  std::filesystem::create_directories(parent / "charts");
  std::filesystem::copy(TESSERA_SOURCE_DIR "/deploy/helm/tessera", parent / "charts" / "tessera",
                        std::filesystem::copy_options::recursive);
  ASSERT_TRUE(write_file_atomically(parent / "Chart.yaml",
                                    "apiVersion: v2\nname: parent\nversion: 0.1.0\ndependencies:\n"
                                    "- {name: tessera, version: 0.2.0, condition: tessera.enabled}\n"));
  ASSERT_TRUE(write_file_atomically(parent / "values.yaml",
                                    "global: {any: thing}\ntessera:\n  enabled: true\n  cluster: c\n"
                                    "  gpu-session-monitoring: {enabled: true}\n"));
  const Objects below = rendered("", {}, {}, parent.string());
  const Objects alone = rendered("cluster: c\ngpu-session-monitoring: {enabled: true}");
  EXPECT_EQ(below.names(), alone.names());
  const std::string config = "ConfigMap/tessera-relay:data.relay\\.yaml";
  EXPECT_EQ(below.at(config), alone.at(config));
}

TEST_F(Chart, HasTheDashboardsOfTheirSource) {
  const Objects objects = rendered("dashboards: {enabled: true}");
  for (const char* name : {"sessions", "mig", "fleet", "cost"}) {
    const auto file = read_file(fmt::format("{}/deploy/grafana/{}.json", TESSERA_SOURCE_DIR, name));
    ASSERT_TRUE(file);
    const std::string held = objects.at(fmt::format("ConfigMap/tessera-dashboard-{0}:data.tessera-{0}\\.json", name));
    EXPECT_EQ(nlohmann::json::parse(held, nullptr, false), nlohmann::json::parse(*file)) << name;
  }
}

TEST_F(Chart, NotesSayWhatAScheduleCanDo) {
  const auto notes = [](const std::string& values) {
    const Finished said = run_helm({"install", "tessera", "--namespace", "gpu", "--dry-run=client"}, values);
    EXPECT_EQ(said.code, 0) << said.output;
    return said.output.substr(std::min(said.output.find("NOTES:"), said.output.size()));
  };
  const std::string cron = "gpu-session-monitoring: {enabled: true}\ncollection: {mode: cronjob";
  EXPECT_THAT(notes(cron + "}"), AllOf(HasSubstr("*/30 * * * * every 30 minutes"), HasSubstr("ONE node at a time")));
  EXPECT_THAT(notes(cron + ", nodes: [a]}"), Not(HasSubstr("ONE node at a time")));
  EXPECT_THAT(notes("gpu-session-monitoring: {enabled: true}"),
              AllOf(HasSubstr("every 15 seconds"), HasSubstr("--from=cronjob/gpu-session-metrics-collector")));
  EXPECT_THAT(notes("server: {enabled: false}"), HasSubstr("nowhere to send to"));
  EXPECT_THAT(notes("server: {admission: {enabled: true}}"), HasSubstr("renewed by nobody"));
  EXPECT_THAT(notes("server: {admission: {enabled: true, certManager: {issuerRef: {name: ca}}}}"),
              AllOf(HasSubstr("tessera.dev/gpu-memory"), Not(HasSubstr("renewed by nobody"))));
  EXPECT_THAT(notes("agent: {layout: {enabled: true, devicePluginNamespace: ''}}"), HasSubstr("is not restarted"));
  EXPECT_THAT(notes(""), AllOf(Not(HasSubstr("nowhere to send to")), Not(HasSubstr("gpu_sessions.prom"))));
}

/// What a page says after `helm upgrade --install`.
std::string words_of(const std::string& page) {
  const auto text = read_file(fmt::format("{}/{}", TESSERA_SOURCE_DIR, page));
  EXPECT_TRUE(text) << page;
  const std::string install = "\nhelm upgrade --install ";
  const std::size_t at = text ? text->find(install) : std::string::npos;
  if (at == std::string::npos) return "";
  const std::size_t rest = at + install.size();
  return text->substr(rest, text->find('\n', rest) - rest);
}

TEST_F(Chart, TheCommandOfThePagesRendersInBothModes) {
  const std::string words = words_of("docs/installation.md");
  EXPECT_EQ(words_of("README.md"), words);
  EXPECT_EQ(words_of("README.ko.md"), words);
  const auto made = [&](const std::string& more) {
    const Finished out =
        run({"sh", "-c", fmt::format("cd '{}' && '{}' template {}{}", TESSERA_SOURCE_DIR, helm(), words, more)});
    EXPECT_EQ(out.code, 0) << words << more << out.output;
    return out.code == 0 ? Objects(out.output) : Objects();
  };
  const Objects objects = made("");
  expect_well_formed(objects, {"tessera", "tessera"}, {});
  EXPECT_EQ(objects.at(in(kAgentPod, "containers.0.image")), "REGISTRY/tessera-agent:" TESSERA_VERSION);
  EXPECT_THAT(objects.at("ConfigMap/tessera-relay:data.relay\\.yaml"), HasSubstr("cluster: my-cluster"));
  EXPECT_EQ(made(" --set operator.enabled=true").at("GpuMonitor/tessera:spec.clusterName"), "my-cluster");
}

/// A ConfigMap's file, with its folders of the pod where the test has them.
std::string config_of(const Objects& objects, const std::string& where, const std::string& folder) {
  std::string text = objects.at(where);
  for (const std::string from : {"/etc/tessera-", "/var/lib/tessera-"})
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + folder.size()))
      text.replace(at, from.size(), folder + '/');
  return text;
}

TEST_F(Chart, ProgramsTakeItsConfigurations) {
  for (const char* values :
       {"",
        "relay: {namespaces: [ml], config: {globalInterval: 30s, builtinTargets: {vllm: false}}}\n"
        "server: {config: {owners.team-label: [team], server: {access: {open-metrics: false}}}}"}) {
    const TempDir folder;
    const Objects objects = rendered(values);
    for (const char* name : {"relay", "server"}) {
      const auto file = folder.path() / name;
      ASSERT_TRUE(write_file_atomically(file, objects.at(fmt::format("ConfigMap/tessera-{0}:data.{0}\\.yaml", name))));
      const Finished checked = run({program(fmt::format("tessera-{}", name)), "--check-config", file.string()});
      EXPECT_EQ(checked.code, 0) << values << checked.output;
    }
  }
}

TEST_F(Chart, TheServerTakesTheKeysThatItMakes) {
  const TempDir folder;
  const Objects objects = rendered("server: {config: {cluster-metadata: {enabled: auto}}}");  // this is no pod
  for (const char* mount : {"keys", "ingest"}) std::filesystem::create_directory(folder.path() / mount);
  std::map<std::string, std::string> keys;
  for (const char* name : {"admin-key", "ingest-key"}) {
    const auto encoded = folder.path() / name;
    ASSERT_TRUE(write_file_atomically(encoded, objects.at(fmt::format("Secret/tessera-server:data.{}", name))));
    keys[name] = run({"base64", "-d", encoded.string()}).output;
    const char* mount = std::string_view(name) == "admin-key" ? "keys" : "ingest";
    ASSERT_TRUE(write_file_atomically(folder.path() / mount / name, keys[name]));
  }
  const auto config = folder.path() / "server.yaml";
  ASSERT_TRUE(write_file_atomically(
      config, config_of(objects, "ConfigMap/tessera-server:data.server\\.yaml", folder.path().string())));
  const Started server = start_server(
      [&](int port) {
        return std::vector<std::string>{program("tessera-server"),
                                        "--config",
                                        config.string(),
                                        "--data",
                                        (folder.path() / "data").string(),
                                        "--address",
                                        fmt::format("0.0.0.0:{}", port)};
      },
      "/livez");
  http::Client client;
  const auto status = [&](const char* method, const char* path, const std::string& key) {
    http::ClientRequest request;
    request.method = method;
    request.url = fmt::format("http://127.0.0.1:{}/k8s-monitor/api/v1{}", server.port, path);
    request.home_headers = {{"Authorization", "Bearer " + key}};
    const auto reply = client.send(request);
    return reply ? reply->status : 0;
  };
  EXPECT_EQ(status("GET", "/access/keys", keys["admin-key"]), 200);
  EXPECT_EQ(status("GET", "/access/keys", keys["ingest-key"]), 403);
  EXPECT_EQ(status("POST", "/write", "tsk_somebody_else"), 401);
  EXPECT_THAT(status("POST", "/write", keys["ingest-key"]), testing::AnyOf(204, 400, 415)) << "let through";
}

}  // namespace
}  // namespace tessera::e2e
