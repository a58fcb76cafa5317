// From the chart before to this one, and from the resource's definition before to this one: nothing is lost, nothing is
// made anew.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>

#include "base/files.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

/// As it was published.
const std::string kBefore = TESSERA_SOURCE_DIR "/tests/kube/charts/tessera-0.1.0.tgz";

class ClusterUpgrade : public OnCluster {
 protected:
  /// What must be the same before and after: what was made anew has another uid.
  std::map<std::string, Json> kept(const Installed& release, const std::string& name) {
    return {{"claim", at(release.in("v1", fmt::format("persistentvolumeclaims/{}-server", name)), "/metadata/uid")},
            {"agent", at(release.in("apps/v1", fmt::format("daemonsets/{}-agent", name)), "/metadata/uid")},
            {"relay", at(release.in("apps/v1", fmt::format("statefulsets/{}-relay", name)), "/metadata/uid")},
            {"server", at(release.in("apps/v1", fmt::format("deployments/{}-server", name)), "/metadata/uid")},
            {"keys", at(release.in("v1", fmt::format("secrets/{}-server", name)), "/data")}};
  }
};

TEST_F(ClusterUpgrade, OfTheChartKeepsItsValuesKeysAndVolumes) {
  Installed release(cluster(), "eyes", "seeing",
                    "cluster: seoul\nrelay: {config: {globalInterval: 30s}}\ngpu-session-monitoring: {enabled: true}\n"
                    "agent: {metricsCsv: 'DCGM_FI_DEV_GPU_TEMP, gauge, t'}",
                    kBefore);
  const auto before = kept(release, "eyes-tessera");
  for (const auto& [what, value] : before) EXPECT_FALSE(value.is_null()) << what;
  release.install("", {"--reuse-values"});
  EXPECT_EQ(kept(release, "eyes-tessera"), before);
  const std::string relay = at(release.in("v1", "configmaps/eyes-tessera-relay"), "/data/relay.yaml");
  EXPECT_THAT(relay, testing::AllOf(testing::HasSubstr("cluster: seoul"), testing::HasSubstr("globalInterval: 30s")));
  EXPECT_EQ(at(release.in("apps/v1", "daemonsets/eyes-tessera-agent"), "/spec/template/spec/containers/0/args/0"),
            "--collectors=/etc/tessera/metrics/metrics.csv")
      << "this chart's";
  release.install("", {"--reset-then-reuse-values", "--set", "rules.enabled=true,rules.kind=ConfigMap"});
  EXPECT_EQ(kept(release, "eyes-tessera"), before);
  EXPECT_TRUE(cluster().has(release.in("v1", "configmaps/eyes-tessera-rules")));
}

/// helm would delete the claim of SQLite, and objects whose names the operator's have.
TEST_F(ClusterUpgrade, ThatWouldDeleteTheDatabaseIsRefused) {
  Installed release(cluster(), "eyes", "closing", "agent: {enabled: false}");
  const std::string claim = release.in("v1", "persistentvolumeclaims/eyes-tessera-server");
  const auto upgrade = [&](const std::string& values) {
    return cluster().helm({"upgrade", "eyes", "--namespace", "closing"}, "agent: {enabled: false}\n" + values);
  };
  for (const char* values : {"database: {enabled: true}", "server: {enabled: false}", "operator: {enabled: true}"}) {
    const Finished refused = upgrade(values);
    EXPECT_NE(refused.code, 0) << values;
    EXPECT_THAT(refused.output, testing::HasSubstr("would delete the volume claim eyes-tessera-server")) << values;
  }
  // As its words say.
  cluster().done({"--namespace", "closing", "annotate", "pvc", "eyes-tessera-server", "helm.sh/resource-policy=keep"});
  const Finished kept = upgrade("database: {enabled: true}");
  EXPECT_EQ(kept.code, 0) << kept.output;
  EXPECT_TRUE(cluster().has(claim));
  EXPECT_THAT(upgrade("operator: {enabled: true}").output, testing::HasSubstr("of plain mode"));
  const Finished again = upgrade("server: {storage: {existingClaim: eyes-tessera-server}}");
  EXPECT_EQ(again.code, 0) << again.output;
  EXPECT_TRUE(cluster().has(claim));
  cluster().done({"--namespace", "closing", "delete", "pvc", "--all", "--wait=false"});
}

TEST_F(ClusterUpgrade, AsASubChartToo) {
  const TempDir folder;
  const auto parent = [&](const char* version) {
    const fs::path path = folder.path() / version / "stack";
    fs::create_directories(path / "charts");
    EXPECT_TRUE(write_file_atomically(path / "Chart.yaml",
                                      fmt::format("apiVersion: v2\nname: stack\nversion: 1.0.0\ndependencies:\n"
                                                  "- {{name: tessera, version: {}}}\n",
                                                  version)));
    return path;
  };
  const fs::path old = parent("0.1.0"), now = parent("0.2.0");
  fs::copy(kBefore, old / "charts");
  fs::copy(TESSERA_SOURCE_DIR "/deploy/helm/tessera", now / "charts" / "tessera", fs::copy_options::recursive);
  Installed release(cluster(), "stack", "below", "tessera: {cluster: busan}", old.string());
  const auto before = kept(release, "stack-tessera");
  release.install("", {"--reuse-values"}, now.string());
  EXPECT_EQ(kept(release, "stack-tessera"), before);
}

TEST_F(ClusterUpgrade, OfTheDefinitionKeepsTheResources) {
  const fs::path file = TESSERA_SOURCE_DIR "/deploy/crds/gpumonitors.tessera.dev.yaml";
  // The one before, which did not know of alerting, nor had rules about it.
  Json before = Json::parse(cluster().done(
      {"create", "--dry-run=client", "--validate=false", "--output", "json", "--filename", file.string()}));
  Json& spec = before["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
  spec["properties"].erase("alerting");
  spec.erase("x-kubernetes-validations");
  cluster().done({"apply", "--validate=false", "-f", "-"}, before.dump());
  const std::string monitor = kMonitors + "/old";
  const std::string definition = "crd/gpumonitors.tessera.dev";
  ASSERT_TRUE(is_served());
  constexpr const char* kMonitor =
      "{apiVersion: tessera.dev/v1alpha1, kind: GpuMonitor, metadata: {name: old}, spec: {clusterName: seoul,"
      " promql: {bundled: prometheus}, alerting: {enabled: true}}}";
  cluster().done({"apply", "--validate=false", "-f", "-"}, kMonitor);
  EXPECT_TRUE(at(monitor, "/spec/alerting").is_null()) << "an unknown field is dropped";
  const Json uid = at(monitor, "/metadata/uid");

  const Finished upgraded = cluster().shell("kubectl apply --validate=false -f deploy/crds");
  EXPECT_EQ(upgraded.code, 0) << upgraded.output;
  EXPECT_TRUE(soon([&] {
    cluster().kubectl({"apply", "--validate=false", "-f", "-"}, kMonitor);
    return at(monitor, "/spec/alerting/enabled") == true;
  }));
  EXPECT_EQ(at(monitor, "/metadata/uid"), uid);
  EXPECT_EQ(at(monitor, "/spec/clusterName"), "seoul");
  cluster().done({"delete", definition});
}

}  // namespace
}  // namespace tessera::e2e
