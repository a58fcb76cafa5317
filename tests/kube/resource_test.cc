// The resource on a real API server: its definition is taken, and what people write is kept as they wrote it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

/// Whether all that was written is kept; defaults may have come to it.
bool holds_all(const Json& kept, const Json& written) {
  if (written.is_object())
    return std::ranges::all_of(written.items(), [&](const auto& entry) {
      return kept.contains(entry.key()) && holds_all(kept[entry.key()], entry.value());
    });
  if (!written.is_array()) return kept == written;
  if (kept.size() != written.size()) return false;
  for (std::size_t i = 0; i < written.size(); ++i)
    if (!holds_all(kept[i], written[i])) return false;
  return true;
}

class ClusterResource : public OnCluster {
 protected:
  void SetUp() override {
    OnCluster::SetUp();
    if (IsSkipped()) return;
    const Finished applied = cluster().shell("kubectl apply --validate=false -f deploy/crds");
    ASSERT_EQ(applied.code, 0) << applied.output;
    ASSERT_TRUE(is_served());
  }
  static void TearDownTestSuite() {
    if (auto* cluster = ControlPlane::shared()) cluster->done({"delete", "crd", "gpumonitors.tessera.dev"});
  }
  /// Applies a resource with this spec, which the server must refuse in these words.
  void is_refused(const char* how, const char* spec, const char* says) {
    const Finished refused = cluster().kubectl(
        {"apply", how, "-f", "-"},
        fmt::format("{{apiVersion: tessera.dev/v1alpha1, kind: GpuMonitor, metadata: {{name: bad}}, spec: {}}}", spec));
    EXPECT_NE(refused.code, 0) << spec;
    EXPECT_THAT(refused.output, testing::HasSubstr(says)) << spec;
  }
  /// Applies a file with one GpuMonitor; what the server keeps of it must hold all that it says.
  void expect_kept(const fs::path& file) {
    SCOPED_TRACE(file.string());
    const Json written =
        Json::parse(cluster().done({"create", "--dry-run=client", "--output", "json", "--filename", file.string()}));
    cluster().done({"apply", "--filename", file.string()});
    const std::string path = kMonitors + "/" + written["metadata"]["name"].get<std::string>();
    const Json kept = at(path, "/spec");
    EXPECT_TRUE(holds_all(kept, written["spec"])) << written["spec"] << '\n' << kept;
    cluster().done({"delete", "--filename", file.string()});
  }
};

TEST_F(ClusterResource, KeepsWhatOurExamplesSay) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator(TESSERA_SOURCE_DIR "/src/operator/golden")) {
    if (entry.path().string().ends_with(".objects.yaml")) continue;
    expect_kept(entry.path());
    ++count;
  }
  EXPECT_GT(count, 3);
}

/// Manifests in the shape of another operator's, or those of the folder that is named.
TEST_F(ClusterResource, KeepsWhatManifestsOfOthersSay) {
  const char* named = std::getenv("TESSERA_MANIFESTS");
  const fs::path folder = named ? named : TESSERA_SOURCE_DIR "/tests/kube/manifests";
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") expect_kept(entry.path());
}

TEST_F(ClusterResource, RefusesWhatCannotWork) {
  static constexpr struct {
    const char *spec, *says;
  } kCases[] = {
      {"{features: {k8sAgent: {gpuMonitoring: {exporter: nvidia}}}}", "spec.features.k8sAgent.gpuMonitoring.exporter"},
      {"{features: {openAgent: {globalInterval: often}}}", "spec.features.openAgent.globalInterval"},
      {"{server: {replicas: 99}}", "spec.server.replicas"},
      {"{features: {openAgent: {targets: [{type: PodMonitor}]}}}", "targetName"},
  };
  for (const auto& c : kCases) is_refused("--validate=false", c.spec, c.says);
}

/// One of each rule of the definition, which only CEL can tell.
TEST_F(ClusterResource, RefusesByItsRulesWithTheirMessages) {
  const std::string definition = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gpumonitors.tessera.dev";
  if (at(definition, "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations").is_null())
    GTEST_SKIP() << "this API server has no CEL: Kubernetes 1.25 and later have";
  static constexpr struct {
    const char *spec, *says;
  } kCases[] = {
      {"{server: {tolerations: [{value: x}]}}", "a toleration without key needs operator: Exists"},
      {"{features: {openAgent: {targets: [{targetName: t, selector: {}, endpoints: [{port: a}], namespaceSelector: "
       "{any: true, matchNames: [a]}}]}}}",
       "any excludes matchNames"},
      {"{features: {openAgent: {targets: [{targetName: t, selector: {}, endpoints: [{tlsConfig: {certSecret: {name: a, "
       "key: b}}}]}]}}}",
       "certSecret and keySecret belong together"},
      {"{features: {openAgent: {targets: [{targetName: t, selector: {}, endpoints: [{basicAuth: {username: a, "
       "passwordSecret: {name: a, key: b}}, authorization: {credentialsSecret: {name: a, key: b}}}]}]}}}",
       "basicAuth excludes authorization"},
      {"{features: {openAgent: {targets: [{targetName: t, endpoints: [{port: a}]}]}}}",
       "a target of type PodMonitor needs selector: say which pods are meant, or {} for all"},
      {"{features: {openAgent: {targets: [{targetName: t, selector: {}}]}}}",
       "a target of type PodMonitor needs endpoints: say which port is meant"},
      {"{features: {openAgent: {targets: [{targetName: t, type: Static}]}}}",
       "a target of type Static needs addresses"},
      {"{features: {openAgent: {targets: [{targetName: t, type: Static, addresses: ['a:1'], endpoints: [{port: "
       "a}]}]}}}",
       "endpoints of a target of type Static have no port and no addNodeLabel: its addresses have the port"},
      {"{features: {openAgent: {targets: [{targetName: tessera-t, selector: {}, endpoints: [{port: a}]}]}}}",
       "a targetName that begins with tessera- is the operator's own: choose another one"},
      {"{features: {k8sAgent: {gpuMonitoring: {metricsCsv: a, configMapRef: {name: a}}}}}",
       "metricsCsv excludes configMapRef"},
      {"{features: {k8sAgent: {gpuMonitoring: {exporter: dcgm, mig: {layout: {enabled: true}}}}}, server: {enabled: "
       "true}}",
       "mig.layout needs exporter: tessera, which tells how devices are cut"},
      {"{features: {k8sAgent: {gpuMonitoring: {mig: {layout: {enabled: true}}}}}}",
       "gpuMonitoring.mig.layout needs the server, which says what is wanted: server.enabled: true"},
      {"{features: {openAgent: {enabled: true}}, server: {admission: {enabled: true}}}",
       "server.admission needs the server, and what it knows of nodes and pods"},
      {"{features: {k8sAgent: {gpuMonitoring: {enabled: true}}}}",
       "gpuMonitoring runs in the node agent: it needs nodeAgent.enabled: true"},
      {"{overrides: [{nodeSelector: {}}]}", "an override needs a nodeSelector: say which nodes are meant"},
      {"{storage: {type: postgresql}}", "storage of type postgresql needs urlSecret: the Secret with its URL"},
      {"{remoteWrite: [{name: a, url: 'http://a', basicAuth: {username: a, passwordSecret: {name: a, key: b}}, "
       "authorization: {credentialsSecret: {name: a, key: b}}}]}",
       "basicAuth excludes authorization"},
      {"{server: {replicas: 2}}", "server.replicas above 1 needs storage.type: postgresql"},
      {"{alerting: {enabled: true}}", "alerting needs promql.bundled: prometheus"},
      {"{remoteWrite: [{name: tessera-a, url: 'http://a'}]}",
       "remoteWrite: a name that begins with tessera- is the operator's own: choose another one"},
  };
  for (const auto& c : kCases) is_refused("--server-side", c.spec, c.says);
}

TEST_F(ClusterResource, IsListedWithWhatItIsAbout) {
  cluster().done({"apply", "--filename", TESSERA_SOURCE_DIR "/src/operator/golden/minimal.yaml"});
  EXPECT_THAT(cluster().done({"get", "gpumonitors"}), testing::HasSubstr("gpus"));
  cluster().done({"delete", "gpumonitors", "--all"});
}

}  // namespace
}  // namespace tessera::e2e
