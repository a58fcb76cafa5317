// The resource on a real API server: its definition is taken, and what people write is kept as they wrote it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>

#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
namespace fs = std::filesystem;

class ClusterResource : public OnCluster {
 protected:
  void SetUp() override {
    OnCluster::SetUp();
    if (IsSkipped()) return;
    const Finished applied = cluster().shell("kubectl apply -f deploy/crds");
    ASSERT_EQ(applied.code, 0) << applied.output;
    cluster().done({"wait", "--for=condition=Established", "crd/gpumonitors.tessera.dev"});
  }
  void TearDown() override {
    if (!IsSkipped()) cluster().done({"delete", "crd", "gpumonitors.tessera.dev"});
  }
  /// Applies a file with one GpuMonitor; what the server keeps of it must hold all that it says.
  void expect_kept(const fs::path& file) {
    SCOPED_TRACE(file.string());
    const Json written =
        Json::parse(cluster().done({"create", "--dry-run=client", "--output", "json", "--filename", file.string()}));
    cluster().done({"apply", "--filename", file.string()});
    const std::string path = "/apis/tessera.dev/v1alpha1/gpumonitors/" + written["metadata"]["name"].get<std::string>();
    const Json kept = cluster().get(path);
    Json patched = kept["spec"];
    patched.merge_patch(written["spec"]);
    EXPECT_EQ(patched, kept["spec"]) << "a field was dropped";
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

/// Manifests of others, which must apply as they are.
TEST_F(ClusterResource, KeepsWhatManifestsOfOthersSay) {
  const char* folder = std::getenv("TESSERA_MANIFESTS");
  if (!folder) GTEST_SKIP() << "TESSERA_MANIFESTS names no folder with manifests";
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
  for (const auto& c : kCases) {
    const Finished refused = cluster().kubectl(
        {"apply", "--validate=false", "-f", "-"},
        fmt::format("{{apiVersion: tessera.dev/v1alpha1, kind: GpuMonitor, metadata: {{name: bad}}, spec: {}}}",
                    c.spec));
    EXPECT_NE(refused.code, 0) << c.spec;
    EXPECT_THAT(refused.output, testing::HasSubstr(c.says)) << c.spec;
  }
}

TEST_F(ClusterResource, IsExplainedAndListed) {
  EXPECT_THAT(cluster().done({"explain", "gpumonitor.spec.features.openAgent.targets"}),
              testing::HasSubstr("targetName"));
  cluster().done({"apply", "--filename", TESSERA_SOURCE_DIR "/src/operator/golden/minimal.yaml"});
  EXPECT_THAT(cluster().done({"get", "gpumonitors"}), testing::HasSubstr("gpus"));
}

}  // namespace
}  // namespace tessera::e2e
