// The chart on a real control plane: by the words of the installation page, on the nodes that have GPUs, and away
// again.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <regex>

#include "base/files.h"
#include "base/text.h"
#include "tests/e2e/node.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
using testing::ElementsAre;
using testing::UnorderedElementsAre;

/// Volumes for whoever claims one: this cluster has nobody who makes them.
constexpr const char* kVolumes = R"(
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: disk-1}, spec: &disk {capacity: {storage: 50Gi}, accessModes: [ReadWriteOnce],
    hostPath: {path: /nowhere}, persistentVolumeReclaimPolicy: Recycle}}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: disk-2}, spec: *disk}
)";

class ClusterChart : public OnCluster {
 protected:
  std::vector<std::string> nodes_of(const Installed& release, const std::string& program) {
    std::vector<std::string> out;
    const Json pods = cluster().get(release.in("v1", "pods?labelSelector=app.kubernetes.io/name=" + program));
    for (const auto& pod : pods["items"])
      if (pod["spec"].contains("nodeName")) out.push_back(pod["spec"]["nodeName"]);
    return out;
  }
  /// Whether so many pods of a program run; hollow ones answer no probe, so that none is ready.
  bool run(const std::string& space, const std::string& program, int count) {
    const std::string path = fmt::format(
        "/api/v1/namespaces/{}/pods?labelSelector=app.kubernetes.io/name={}&fieldSelector=status.phase=Running", space,
        program);
    return soon([&] { return cluster().get(path)["items"].size() == static_cast<std::size_t>(count); });
  }
  void run_as_runbooks_do(const Installed& release, bool old);
};

/// The first line of a page that begins so.
std::string line_of(const std::string& page, const std::string& start) {
  for (const auto line : split(page, '\n'))
    if (line.starts_with(start)) return std::string(line);
  ADD_FAILURE() << "no line begins with " << start;
  return {};
}

TEST_F(ClusterChart, InstallsAndGoesByTheWordsOfTheInstallationPage) {
  const auto page = read_file(TESSERA_SOURCE_DIR "/docs/installation.md");
  ASSERT_TRUE(page);
  cluster().done({"apply", "-f", "-"}, kVolumes);
  for (const char* start : {"helm upgrade --install tessera ", "kubectl label namespace tessera "}) {
    std::string words = line_of(*page, start);
    if (const std::size_t at = words.find("REGISTRY"); at != std::string::npos)
      words.replace(at, std::string_view("REGISTRY").size(), "registry.example");
    const Finished ended = cluster().shell(words);
    ASSERT_EQ(ended.code, 0) << ended.output;
  }
  EXPECT_TRUE(run("tessera", "tessera-agent", 2)) << "on the two GPU nodes, taint or not";
  EXPECT_TRUE(run("tessera", "tessera-relay", 1));
  EXPECT_TRUE(run("tessera", "tessera-server", 1));
  const Json pods = cluster().get("/api/v1/namespaces/tessera/pods?labelSelector=app.kubernetes.io/name=tessera-agent");
  std::vector<std::string> nodes;
  for (const auto& pod : pods["items"]) nodes.push_back(pod["spec"]["nodeName"]);
  EXPECT_THAT(nodes, UnorderedElementsAre(kGpuNode, kTaintedNode));

  const Finished gone = cluster().shell("helm uninstall tessera --namespace tessera");
  EXPECT_EQ(gone.code, 0) << gone.output;
  EXPECT_TRUE(soon([&] { return cluster().ours().empty(); })) << fmt::format("{}", cluster().ours());
  const auto claims = [&] {
    std::vector<std::string> out;
    const Json all = cluster().get("/api/v1/namespaces/tessera/persistentvolumeclaims");
    for (const Json& one : all["items"])
      if (!one["metadata"].contains("deletionTimestamp")) out.push_back(one["metadata"]["name"]);
    return out;
  };
  EXPECT_THAT(claims(), ElementsAre("queue-tessera-relay-0")) << "as the page says";
  const std::size_t at = page->find("kubectl -n tessera delete pvc");
  ASSERT_NE(at, std::string::npos);
  std::string words = page->substr(at, page->find('`', at) - at);
  std::ranges::replace(words, '\n', ' ');
  const Finished emptied = cluster().shell(words);
  EXPECT_EQ(emptied.code, 0) << emptied.output;
  EXPECT_TRUE(soon([&] { return claims().empty(); }));
  cluster().done({"delete", "namespace", "tessera", "--wait=false"});
  cluster().done({"delete", "persistentvolume", "--all", "--wait=false"});
}

/// `kubectl create job --from=cronjob/…`, which knows no CronJob of the oldest API: there its template is taken by
/// hand.
void ClusterChart::run_as_runbooks_do(const Installed& release, bool old) {
  constexpr const char* kName = "gpu-session-metrics-collector";
  if (!old) {
    cluster().done({"create", "job", fmt::format("--from=cronjob/{}", kName), "test-job", "--namespace", "monitoring"});
    return;
  }
  const Json cron = cluster().get(release.in("batch/v1beta1", fmt::format("cronjobs/{}", kName)));
  ASSERT_FALSE(cron.is_null());
  Json job = cron["spec"]["jobTemplate"];
  job["apiVersion"] = "batch/v1";
  job["kind"] = "Job";
  job["metadata"]["name"] = "test-job";
  cluster().done({"create", "--namespace", "monitoring", "-f", "-"}, job.dump());
}

TEST_F(ClusterChart, InstallsWithEverythingSwitchedOn) {
  const Installed release(
      cluster(), "gpu", "monitoring",
      "gpu-session-monitoring: {enabled: true}\ndashboards: {enabled: true}\n"
      "rules: {enabled: true, kind: ConfigMap}\ndatabase: {enabled: true}\nserver: {replicas: 2}\n"
      "agent: {metricsCsv: 'DCGM_FI_DEV_GPU_TEMP, gauge, t'}\nrelay: {namespaces: [default, monitoring]}");
  EXPECT_TRUE(cluster().has(release.in("apps/v1", "statefulsets/gpu-tessera-database")));
  EXPECT_TRUE(cluster().has("/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles/gpu-tessera-relay-pods"));
  EXPECT_FALSE(cluster().has("/apis/rbac.authorization.k8s.io/v1/clusterroles/gpu-tessera-relay"));
  const bool old = cluster().minor_version() < 21;
  EXPECT_TRUE(
      cluster().has(release.in(old ? "policy/v1beta1" : "policy/v1", "poddisruptionbudgets/gpu-tessera-server")));
  run_as_runbooks_do(release, old);
  EXPECT_TRUE(soon([&] {
    for (const auto& node : nodes_of(release, "gpu-session-metrics-collector"))
      if (node == kGpuNode || node == kTaintedNode) return true;
    return false;
  }));
}

/// By the API server's own words for each kind: an unknown field, a wrong type or a value out of bounds is refused.
TEST_F(ClusterChart, RendersWhatTheApiServerTakesToTheLetter) {
  static constexpr const char* kRows[] = {
      "cluster: seoul",
      "gpu-session-monitoring: {enabled: true}\ndashboards: {enabled: true}\nrules: {enabled: true, kind: ConfigMap}\n"
      "database: {enabled: true}\nserver: {replicas: 2, tls: {existingSecret: tls}, admission: {enabled: true}}\n"
      "agent: {metricsCsv: 'DCGM_FI_DEV_GPU_TEMP, gauge, t', migMonitor: true, runtimeClassName: nvidia,\n"
      "  layout: {enabled: true, way: mig-manager, windows: ['22:00-04:00'], devicePluginNamespace: default}}\n"
      "relay: {replicas: RELAYS, namespaces: [default]}\nnodeSelector: {accelerator: nvidia}",
      "gpu-session-monitoring: {enabled: true}\ncollection: {mode: cronjob, nodes: [gpu-1, gpu-2]}\n"
      "image: {registry: 'reg.example:5000/gpu', pullSecrets: [{name: mine}]}\n"
      "server: {storage: {existingClaim: mine}, service: {type: NodePort}}",
      "operator: {enabled: true}\ngpu-session-monitoring: {enabled: true}\nserver: {tls: {existingSecret: tls}}\n"
      "relay: {config: {globalInterval: 5s, externalLabels: {site: a}}}"};
  const ControlPlane::Namespace space(cluster(), "to-the-letter");
  ASSERT_EQ(cluster().shell("kubectl apply --validate=false -f deploy/crds").code, 0);
  ASSERT_TRUE(is_served());
  const std::string version = cluster().get("/version")["gitVersion"];
  const char* relays = cluster().minor_version() < 28 ? "1" : "2";  // older pods are not told their number
  for (const char* row : kRows) {
    const std::string values = std::regex_replace(row, std::regex("RELAYS"), relays);
    const Finished made =
        cluster().helm({"template", "tessera", "--namespace", "to-the-letter", "--kube-version", version}, values);
    ASSERT_EQ(made.code, 0) << values << made.output;
    const Finished taken =
        cluster().kubectl({"apply", "--dry-run=server", "--validate=strict", "-f", "-"}, made.output);
    EXPECT_EQ(taken.code, 0) << values << '\n' << taken.output;
  }
  const Finished planned =
      cluster().shell(program("tessera-operator") +
                      " --once --dry-run --file src/operator/golden/minimal.yaml | sed 's/namespace: "
                      "tessera$/namespace: to-the-letter/' | kubectl apply --dry-run=server --validate=strict -f -");
  EXPECT_EQ(planned.code, 0) << planned.output;
  cluster().done({"delete", "crd", "gpumonitors.tessera.dev"});
}

TEST_F(ClusterChart, InOperatorModeIsTheOperatorAndItsResource) {
  {
    const Installed release(cluster(), "tessera", "gpu-system", "operator: {enabled: true}\ncluster: seoul");
    EXPECT_TRUE(becomes("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gpumonitors.tessera.dev",
                        "/spec/names/kind", "GpuMonitor"));
    EXPECT_EQ(at("/apis/tessera.dev/v1alpha1/gpumonitors/tessera", "/spec/clusterName"), "seoul");
    EXPECT_TRUE(run("gpu-system", "tessera-operator", 2));
    const auto nodes = nodes_of(release, "tessera-operator");
    EXPECT_EQ(nodes.size(), 2U);
    EXPECT_NE(nodes.front(), nodes.back()) << "not both on one node";
  }
  EXPECT_TRUE(soon([&] { return cluster().ours().empty(); })) << fmt::format("{}", cluster().ours());
  cluster().done({"delete", "crd", "gpumonitors.tessera.dev"});
}

}  // namespace
}  // namespace tessera::e2e
