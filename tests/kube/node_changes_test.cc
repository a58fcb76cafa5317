// A node is changed on a real control plane, by the rights that docs/security.md names and no others. The agent and
// what the kubelet tells of its device plugin are played; the plugin's DaemonSet is real.
#include "server/node_changes/node_changes.h"

#include <gmock/gmock.h>

#include "base/every.h"
#include "fleet/inventory/told_pages.h"
#include "server/cluster_watch.h"
#include "tests/kube/cluster_test.h"

namespace tessera::e2e {
namespace {
using namespace std::chrono_literals;
using server::NodeCourse;
using server::ToldInstance;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kSpace = "gpu-operator";
constexpr const char* kObjects = R"(
apiVersion: v1
kind: List
items:
- apiVersion: apps/v1
  kind: DaemonSet
  metadata: {name: nvidia-device-plugin-daemonset, namespace: gpu-operator}
  spec:
    selector: {matchLabels: {app: nvidia-device-plugin-daemonset}}
    template:
      metadata: {labels: {app: nvidia-device-plugin-daemonset}}
      spec:
        nodeSelector: {kubernetes.io/hostname: gpu-1}
        terminationGracePeriodSeconds: 0
        containers: [{name: plugin, image: none}]
- {apiVersion: v1, kind: ServiceAccount, metadata: {name: changer, namespace: gpu-operator}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: changer}
  rules:
  - {apiGroups: [""], resources: [nodes], verbs: [get, list, watch, patch]}
  - {apiGroups: [""], resources: [namespaces, pods], verbs: [get, list, watch]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: changer}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: changer}
  subjects: [{kind: ServiceAccount, name: changer, namespace: gpu-operator}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: Role
  metadata: {name: changer, namespace: gpu-operator}
  rules: [{apiGroups: [""], resources: [pods], verbs: [delete]}]
- apiVersion: rbac.authorization.k8s.io/v1
  kind: RoleBinding
  metadata: {name: changer, namespace: gpu-operator}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: changer}
  subjects: [{kind: ServiceAccount, name: changer, namespace: gpu-operator}]
)";

constexpr const char* kPage = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
)";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

ToldInstance instance(const std::string& profile, unsigned start, unsigned size) {
  return {{profile, {start, size}}, {profile}, {}};
}

class ClusterNodes : public OnCluster {
 protected:
  void SetUp() override {
    OnCluster::SetUp();
    if (IsSkipped()) return;
    space_ = std::make_unique<ControlPlane::Namespace>(cluster(), kSpace);
    cluster().done({"apply", "-f", "-"}, kObjects);
    ASSERT_TRUE(soon([&] { return plugin() != ""; }));
    lists("2", "0");
    told_.scrape(now_epoch_ms(), R"(node="gpu-1",job="agent")", kPage);
    server::Published first;
    first.view = told_.fleet.publish(now_epoch_ms());
    fleet_.publish(std::move(first));
    const auto account = cluster().service_account(kSpace, "changer");
    const kube::ApiServer api{.url = cluster().url(), .token_file = account / "token", .ca_file = account / "ca.crt"};
    watch_ = std::make_unique<server::ClusterWatch>(api, server::ClusterWatchOptions{}, view_,
                                                    [] { return std::vector<std::string>(); });
    ASSERT_TRUE(soon([&] { return view_.get()->synced; }));
    server::NodeChangeOptions options;
    options.rules.settled = 0ms;
    options.look_every = 0ms;
    changes_ = std::make_unique<server::NodeChanges>(
        api, "default", fleet_, view_, audit_, layouts_, events_, [] { return true; }, options);
  }
  void TearDown() override {
    changes_.reset();
    watch_.reset();
    if (!space_) return;
    cluster().kubectl({"uncordon", std::string(kGpuNode)});
    cluster().kubectl({"delete", "clusterrole/changer", "clusterrolebinding/changer"});
    space_.reset();  // the next test makes one of the same name
    cluster().kubectl({"wait", "--for=delete", std::string("namespace/") + kSpace, "--timeout=90s"});
  }

  Json node() { return cluster().get("/api/v1/nodes/gpu-1"); }
  bool cordoned() { return node().value("/spec/unschedulable"_json_pointer, false); }
  bool annotated() { return node().contains("/metadata/annotations/tessera.dev~1layout-change"_json_pointer); }
  /// UID of the plugin's pod that is ready; empty: there is none.
  std::string plugin() {
    const Json pods = cluster().get("/api/v1/namespaces/gpu-operator/pods");
    for (const Json& pod : pods.value("items", Json::array()))
      for (const Json& condition : pod.value("/status/conditions"_json_pointer, Json::array()))
        if (condition["type"] == "Ready" && condition["status"] == "True" &&
            !pod["metadata"].contains("deletionTimestamp"))
          return pod["metadata"]["uid"];
    return "";
  }
  /// As the kubelet tells of what its device plugin lists.
  void lists(const std::string& ones, const std::string& twos) {
    const Json amounts{{"nvidia.com/mig-1g.10gb", ones}, {"nvidia.com/mig-2g.20gb", twos}};
    const Json patch{{"status", {{"capacity", amounts}, {"allocatable", amounts}}}};
    kube::ApiRequest request;
    request.method = "PATCH";
    request.path = "/api/v1/nodes/gpu-1/status";
    request.content_type = "application/merge-patch+json";
    request.body = patch.dump();
    kube::Api api({.url = cluster().url(),
                   .token_file = std::filesystem::path(cluster().kubeconfig()).parent_path() / "admin.token",
                   .ca_file = std::filesystem::path(cluster().kubeconfig()).parent_path() / "ca.crt"});
    ASSERT_EQ(must(api.send(request)).status, 200);
  }
  /// The agent asks, and does what it is told.
  void agent_asks() {
    layouts_.hear("default", "gpu-1", {.devices = {{.uuid = "GPU-a", .mig = true, .instances = stands_}}});
    if (!layouts_.ask("default", "gpu-1", {}, 0ms).body.empty()) stands_ = {instance("2g.20gb", 0, 2)};
  }
  bool becomes(const std::function<bool()>& holds) {
    return soon([&] {
      agent_asks();
      changes_->look();
      return holds();
    });
  }
  NodeCourse course() { return layouts_.course_of("default", "gpu-1").value_or(NodeCourse{}); }

  std::unique_ptr<ControlPlane::Namespace> space_;
  fleet::ToldPages told_;
  Latest<server::Published> fleet_;
  Latest<fleet::ClusterView> view_;
  TempDir folder_;
  server::Changes audit_{must(store::Database::open("sqlite:" + (folder_.path() / "t.db").string()))};
  server::Events events_{fleet_, [] { return true; }};
  server::WantedLayouts layouts_{
      1,
      {{"default", "GPU-a", "gpu-1", 3, {{"2g.20gb", {0, 2}}}, {{"1g.10gb", {0, 1}}, {"1g.10gb", {1, 1}}}, "ada", 1}}};
  std::vector<ToldInstance> stands_ = {instance("1g.10gb", 0, 1), instance("1g.10gb", 1, 1)};
  std::unique_ptr<server::ClusterWatch> watch_;
  std::unique_ptr<server::NodeChanges> changes_;
};

TEST_F(ClusterNodes, AreCordonedCutListedAndUncordonedByTheNamedRights) {
  const std::string old = plugin();
  ASSERT_TRUE(becomes([&] { return cordoned(); })) << course().reason;
  EXPECT_TRUE(annotated());
  ASSERT_TRUE(becomes([&] { return stands_.size() == 1; })) << course().reason;
  ASSERT_TRUE(becomes([&] { return plugin() != "" && plugin() != old; })) << course().reason;
  ASSERT_TRUE(becomes([&] { return course().reason.find("nvidia.com/mig-") != std::string::npos; })) << course().reason;
  EXPECT_TRUE(cordoned()) << "the node still lists what stood before";
  lists("0", "1");
  ASSERT_TRUE(becomes([&] { return !annotated(); })) << course().reason;
  EXPECT_FALSE(cordoned());
  for (const Json& entry : node()["metadata"]["managedFields"]) EXPECT_NE(entry["manager"], "tessera-server");
}

TEST_F(ClusterNodes, ThatAnAdminCordonedStayHis) {
  cluster().done({"cordon", std::string(kGpuNode)});
  ASSERT_TRUE(soon([&] { return view_.get()->node("default", "gpu-1")->cordoned; }));
  ASSERT_TRUE(becomes([&] { return stands_.size() == 1; })) << course().reason;
  lists("0", "1");
  ASSERT_TRUE(becomes([&] { return !annotated() && course().state.empty(); })) << course().reason;
  EXPECT_TRUE(cordoned());
}

TEST_F(ClusterNodes, ThatAnAdminTakesOverMeanwhileStayHis) {
  ASSERT_TRUE(becomes([&] { return cordoned(); })) << course().reason;
  cluster().done({"uncordon", std::string(kGpuNode)});
  cluster().done({"cordon", std::string(kGpuNode)});
  ASSERT_TRUE(becomes([&] { return stands_.size() == 1; })) << course().reason;
  lists("0", "1");
  ASSERT_TRUE(becomes([&] { return !annotated(); })) << course().reason;
  EXPECT_TRUE(cordoned()) << "the field is kubectl's by then";
}

}  // namespace
}  // namespace tessera::e2e
