#include "operator/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "operator/test_monitor.h"

namespace tessera::operate {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(Spec, EverythingHasADefault) {
  const Spec spec = monitor_of("{}").spec;
  EXPECT_FALSE(has_relay(spec) || has_server(spec) || has_gpu_agent(spec));
  EXPECT_EQ(bundled_engine(spec), "");
  EXPECT_EQ(agent_namespace(spec), "tessera");
}

TEST(Spec, TheMinimalOneWorksByItself) {
  const GpuMonitor monitor = monitor_of(kMinimal);
  EXPECT_EQ(monitor.name, "monitor");
  EXPECT_EQ(monitor.uid, "u-1");
  EXPECT_TRUE(has_relay(monitor.spec) && has_server(monitor.spec) && has_gpu_agent(monitor.spec));
  EXPECT_EQ(bundled_engine(monitor.spec), "victoria-metrics") << "so that PromQL answers";
  EXPECT_EQ(monitor.spec.features.open_agent.global_interval, 15s);
}

TEST(Spec, ReadsATargetAsUsersHaveIt) {
  const Spec spec = monitor_of(R"({features: {openAgent: {enabled: true, targets: [
      {targetName: gpu, namespaceSelector: {matchNames: [a, b]},
       selector: {matchLabels: {app: dcgm}, matchExpressions: [{key: tier, operator: In, values: [x]}]},
       endpoints: [{port: "9400", path: /metrics, interval: 30s}, {port: 9401}, {port: metrics}]}]}}})")
                        .spec;
  const Target& target = spec.features.open_agent.targets.at(0);
  EXPECT_EQ(target.type, "PodMonitor");
  EXPECT_TRUE(target.enabled);
  EXPECT_THAT(target.namespaces.match_names, ElementsAre("a", "b"));
  EXPECT_EQ(target.selector->match_labels.at("app"), "dcgm");
  EXPECT_EQ(target.endpoints[0].interval, 30s);
  EXPECT_EQ(target.endpoints[1].port, "9401") << "a number without quotes is a port too";
  EXPECT_EQ(target.endpoints[2].scheme, "http");
  EXPECT_FALSE(target.endpoints[2].honor_labels) << "nobody said";
}

TEST(Spec, JsonIsReadAsYamlIs) {
  const auto monitor = parse_gpu_monitor(
      R"({"apiVersion":"tessera.dev/v1alpha1","kind":"GpuMonitor","metadata":{"name":"m","generation":7,"managedFields":[]},
          "spec":{"features":{"openAgent":{"enabled":true}}},"status":{"conditions":[]}})",
      "m.json");
  ASSERT_TRUE(monitor) << monitor.error().what;
  EXPECT_EQ(monitor->generation, 7);
  EXPECT_TRUE(has_relay(monitor->spec));
}

TEST(Spec, WhatIsHandedOnKeepsItsTypes) {
  const Spec spec = monitor_of(R"({features: {k8sAgent: {nodeAgent: {enabled: true,
      affinity: {a: [1, "1", true, "true", 0.5, x]}}}}})")
                        .spec;
  EXPECT_EQ(spec.features.k8s_agent.node_agent.workload.affinity.json, R"({"a":[1,"1",true,"true",0.5,"x"]})");
}

TEST(Spec, RefusesWhatCannotWork) {
  static constexpr struct {
    std::string_view spec, why;
  } kCases[] = {
      {"{feature: {}}", "spec.feature: this key is not known; did you mean 'features'?"},
      {"{features: {openAgent: {globalIntervall: 15s}}}",
       "spec.features.openAgent.globalIntervall: this key is not "
       "known; did you mean 'globalInterval'?"},
      {"{features: {k8sAgent: {gpuMonitoring: {exporter: dgcm}}}}", "spec.features.k8sAgent.gpuMonitoring.exporter"},
      {"{features: {openAgent: {globalInterval: 15}}}", "a duration above 0 such as 15s"},
      {"{features: {openAgent: {globalInterval: 0s}}}", "a duration above 0"},
      {"{features: {openAgent: {enabled: \"true\"}}}", "expected true or false"},
      {"{features: {openAgent: {targets: [{selector: {}}]}}}",
       "spec.features.openAgent.targets[0]: targetName is missing"},
      {"{features: {openAgent: {targets: [{targetName: a, endpoints: [{}]}]}}}", "needs selector"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {}}]}}}", "needs endpoints"},
      {"{features: {openAgent: {targets: [{targetName: a, type: Static}]}}}", "needs addresses"},
      {"{features: {openAgent: {targets: [{targetName: a, type: ServiceMonitor}]}}}", "PodMonitor"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {matchLabels: {app: true}}, endpoints: [{}]}]}}}",
       "write it in quotes, \"true\""},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {matchLabels: {'a b': x}}, endpoints: [{}]}]}}}",
       "targets[0].selector"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {}, endpoints: [{port: 70000}]}]}}}", "1 to 65535"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {}, endpoints: [{}]}, {targetName: a, selector: "
       "{}, "
       "endpoints: [{}]}]}}}",
       "targets[1].targetName: there is another one"},
      {"{features: {openAgent: {targets: [{targetName: tessera-x, selector: {}, endpoints: [{}]}]}}}",
       "operator's own"},
      {"{features: {k8sAgent: {gpuMonitoring: {enabled: true}}}}", "nodeAgent.enabled: true"},
      {"{features: {k8sAgent: {gpuMonitoring: {metricsCsv: x, configMapRef: {name: y}}}}}", "excludes configMapRef"},
      {"{features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true, mig: {layout: {enabled: "
       "true}}}}}}",
       "needs the server, which says what is wanted"},
      {"{features: {openAgent: {enabled: true}, k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true, "
       "exporter: dcgm, mig: {layout: {enabled: true}}}}}}",
       "mig.layout needs exporter: tessera"},
      {"{features: {k8sAgent: {gpuMonitoring: {mig: {layout: {windows: ['22:00-24:00']}}}}}}",
       "a time of the day as 22:00-04:00"},
      {"{features: {k8sAgent: {nodeAgent: {tolerations: [{effect: NoSchedule}]}}}}", "operator: Exists"},
      {"{features: {k8sAgent: {nodeAgent: {resources: {limits: {memory: 1 GiB}}}}}}", "an amount such as"},
      {"{overrides: [{interval: 5s}]}", "spec.overrides[0]: nodeSelector is missing"},
      {"{overrides: [{nodeSelector: {a: b}}, {nodeSelector: {a: b}}]}", "two have the name or nodeSelector"},
      {"{overrides: [{name: default, nodeSelector: {a: b}}]}", "the nodes that are left"},
      {"{server: {replicas: 2}}", "storage.type: postgresql"},
      {"{server: {replicas: 0}}", "from 1 to 16"},
      {"{storage: {type: postgresql}}", "urlSecret"},
      {"{features: {openAgent: {targets: [{targetName: a, type: Static, addresses: ['http://a:1']}]}}}", "HOST:PORT"},
      {"{features: {openAgent: {targets: [{targetName: a, type: Static, addresses: ['a:1'], endpoints: [{port: "
       "'1'}]}]}}}",
       "its addresses have the port"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {}, endpoints: [{scrapeTimeout: 20s}]}]}}}",
       "longer than the interval, 15s"},
      {"{features: {k8sAgent: {gpuMonitoring: {interval: 10ms}}}}", "from 100ms to 1h"},
      {"{externalLabels: {a-b: c}}", "'a-b': expected a label's name"},
      {"{promql: {retention: 30m}}", "such as 30d"},
      {"{promql: {url: prometheus:9090}}", "http:// or https://"},
      {"{alerting: {enabled: true}}", "promql.bundled: prometheus"},
      {"{remoteWrite: [{name: a}]}", "url is missing"},
      {"{namespace: GPU}", "lower-case letters"},
      {"[]", "expected a map"},
      {"{features: {openAgent: {settings: {sendd: 1}}}}", "sendd is not known; expected one of externalLabels"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {}, relabelConfigs: [{sourceLabels: [a]}], "
       "endpoints: "
       "[{}]}]}}}",
       "a rule has no key sourceLabels; expected source_labels"},
      {"{features: {openAgent: {targets: [{targetName: a, selector: {}, endpoints: [{metricRelabelings: [{action: "
       "replacee}]}]}]}}}",
       "a rule has no action replacee; expected one of replace, keep"},
      {"{remoteWrite: [{name: a, url: 'http://a/', writeRelabelings: [{source_labels: [a]}]}]}",
       "a rule has no key source_labels; expected sourceLabels"},
      {"{features: {openAgent: {settings: {targets: []}}}}", "targets stands in openAgent.targets"},
      {"{features: {k8sAgent: {nodeAgent: {enabled: true}, gpuMonitoring: {enabled: true, exporter: dcgm, sessions: "
       "{textfileDirectory: /a}}}}}",
       "needs exporter: tessera"},
      {"{storage: {type: postgresql, urlSecret: {name: a, key: b}, existingClaim: mine}}", "is of type sqlite"},
  };
  for (const auto& [spec, why] : kCases) {
    const auto monitor = parse_gpu_monitor(resource(spec), "m.yaml");
    ASSERT_FALSE(monitor) << spec;
    EXPECT_THAT(monitor.error().what, HasSubstr(why)) << spec;
    EXPECT_THAT(monitor.error().what, testing::StartsWith("m.yaml:4:")) << "and where it stands";
  }
}

TEST(Spec, RefusesWhatIsNoGpuMonitor) {
  static constexpr struct {
    std::string_view text, why;
  } kCases[] = {
      {"{apiVersion: tessera.dev/v1, kind: GpuMonitor, metadata: {name: m}, spec: {}}", "tessera.dev/v1alpha1"},
      {"{apiVersion: tessera.dev/v1alpha1, kind: WhatElse, metadata: {name: m}, spec: {}}",
       "expected kind: GpuMonitor"},
      {"{apiVersion: tessera.dev/v1alpha1, kind: GpuMonitor, spec: {}}", "metadata is missing"},
      {"{apiVersion: tessera.dev/v1alpha1, kind: GpuMonitor, metadata: {name: M}, spec: {}}", "metadata.name"},
      {"{apiVersion: tessera.dev/v1alpha1, kind: GpuMonitor, metadata: {name: m}}", "spec is missing"},
      {"", "apiVersion"},
      {"a: [", "m.yaml:1:"},
  };
  for (const auto& [text, why] : kCases) {
    const auto monitor = parse_gpu_monitor(text, "m.yaml");
    ASSERT_FALSE(monitor) << text;
    EXPECT_THAT(monitor.error().what, HasSubstr(why)) << text;
  }
}

// Manifests that stand outside of this project: TESSERA_MANIFESTS=DIR.
TEST(Spec, ReadsManifestsFromOutside) {
  const char* folder = std::getenv("TESSERA_MANIFESTS");
  if (folder == nullptr) GTEST_SKIP() << "no folder of manifests is named by TESSERA_MANIFESTS";
  int read = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    if (file.path().extension() != ".yaml") continue;
    const auto monitor = parse_gpu_monitor(must(read_file(file.path())), file.path().string());
    EXPECT_TRUE(monitor) << monitor.error().what;
    ++read;
  }
  EXPECT_GT(read, 0) << folder;
}

}  // namespace
}  // namespace tessera::operate
