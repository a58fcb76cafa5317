// The server's watch of its cluster against the played API: what it keeps, what it drops, and what silence changes.
#include "server/cluster_watch.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/every.h"
#include "tests/kube_stub/stub.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using kube_stub::Json;

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    wait_until(std::chrono::steady_clock::now() + 10ms, {});
  }
  return true;
}

Json object(const char* kind, const std::string& name, const Json& more = Json::object(), const char* space = "") {
  Json out = {{"apiVersion", "v1"}, {"kind", kind}, {"metadata", {{"name", name}}}};
  if (*space != 0) out["metadata"]["namespace"] = space;
  out.update(more);
  return out;
}
Json pod(const std::string& name, const std::string& phase, int gpus) {
  Json container = {{"name", "main"}};
  if (gpus > 0) container["resources"] = {{"limits", {{"nvidia.com/gpu", std::to_string(gpus)}}}};
  return object("Pod", name, {{"spec", {{"containers", {container}}}}, {"status", {{"phase", phase}}}}, "ml");
}

struct ClusterWatchTest : testing::Test {
  ClusterWatchTest() {
    auto made = kube_stub::Stub::start("127.0.0.1:0", Milliseconds(200));
    if (!made) throw std::runtime_error(made.error().what);
    stub = *std::move(made);
    put(object("Node", "w-1", {{"status", {{"allocatable", {{"nvidia.com/gpu", "4"}}}}}}));
    put(object("Namespace", "ml", {{"metadata", {{"name", "ml"}, {"labels", {{"team", "vision"}}}}}}));
    put(pod("asks", "Running", 2));
    put(pod("plain", "Running", 0));
    put(pod("holds", "Running", 0));
    put(pod("over", "Succeeded", 1));
  }
  void start(ClusterWatchOptions options = {}) {
    options.publish_every = 10ms;
    options.use_every = 50ms;
    watch = std::make_unique<ClusterWatch>(kube::ApiServer{.url = stub->url()}, options, latest, [] {
      return std::vector<std::string>{"ml/holds", "ml/not_there", "ml/../x"};
    });
    ASSERT_TRUE(eventually([&] { return latest.get()->synced; }));
  }
  void put(const Json& one) { ASSERT_LT(stub->store().put(one).code, 300) << one; }
  void remove(const kube_stub::Resource& resource, const std::string& space, const std::string& name) {
    ASSERT_LT(stub->store().remove(resource, space, name).code, 300);
  }
  std::set<std::string> pods() {
    std::set<std::string> out;
    for (const auto& [key, one] : latest.get()->pods) out.insert(key);
    return out;
  }
  bool becomes(const std::set<std::string>& wanted) {
    return eventually([&] { return pods() == wanted; });
  }

  const kube_stub::Resource nodes{.version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
  const kube_stub::Resource all_pods{.version = "v1", .plural = "pods", .kind = "Pod"};
  std::unique_ptr<kube_stub::Stub> stub;
  Latest<fleet::ClusterView> latest;
  std::unique_ptr<ClusterWatch> watch;
};

TEST_F(ClusterWatchTest, KeepsThePodsThatAskForGpusOrHoldOne) {
  start();
  EXPECT_TRUE(latest.get()->node("default", "w-1"));
  EXPECT_EQ(latest.get()->namespaces.at("ml")->labels.at("team"), "vision");
  EXPECT_TRUE(becomes({"ml/asks", "ml/holds"}));
  put(pod("asks", "Failed", 2));
  EXPECT_TRUE(becomes({"ml/holds"}));
  put(pod("comes", "Pending", 1));
  EXPECT_TRUE(becomes({"ml/comes", "ml/holds"}));
  remove(all_pods, "ml", "holds");
  EXPECT_TRUE(becomes({"ml/comes"}));
}

TEST_F(ClusterWatchTest, KeepsTheQuotasThatAreOfGpus) {
  const auto quota = [&](const std::string& name, const std::string& resource) {
    put(object("ResourceQuota", name, {{"status", {{"hard", {{resource, "4"}}}}}}, "ml"));
  };
  quota("gpus", "requests.nvidia.com/gpu");
  quota("cpus", "requests.cpu");
  start();
  const auto are = [&](const std::set<std::string>& wanted) {
    return eventually([&] {
      std::set<std::string> out;
      for (const auto& [key, one] : latest.get()->quotas) out.insert(key);
      return latest.get()->quotas_synced && out == wanted;
    });
  };
  EXPECT_TRUE(are({"ml/gpus"}));
  quota("cpus", "requests.nvidia.com/mig-1g.10gb");
  EXPECT_TRUE(are({"ml/cpus", "ml/gpus"}));
  quota("gpus", "pods");
  EXPECT_TRUE(are({"ml/cpus"})) << "it is of GPUs no longer";
  remove({.version = "v1", .plural = "resourcequotas", .kind = "ResourceQuota"}, "ml", "cpus");
  EXPECT_TRUE(are({}));
}

TEST_F(ClusterWatchTest, ANodeIsGoneWhenTheApiShowsItGoneAndNotWhileItIsSilent) {
  start();
  stub->go_away();
  EXPECT_TRUE(eventually([&] {
    const auto pods = watch->stats().lists[0].watch;
    return !pods.connected && !pods.last_error.empty();
  }));
  EXPECT_TRUE(latest.get()->node("default", "w-1"));
  EXPECT_TRUE(latest.get()->gone.empty());
  ASSERT_TRUE(stub->come_back());
  remove(nodes, "", "w-1");
  EXPECT_TRUE(eventually([&] { return latest.get()->gone.contains("w-1"); }));
  EXPECT_FALSE(latest.get()->node("default", "w-1"));
  put(object("Node", "w-1"));
  EXPECT_TRUE(eventually([&] { return latest.get()->node("default", "w-1") && latest.get()->gone.empty(); }));
}

TEST_F(ClusterWatchTest, ANodeOfTheLastRunThatIsNotListedHasLeft) {
  ClusterWatchOptions options;
  options.known_nodes = {{"w-1", std::nullopt}, {"w-2", std::nullopt}, {"w-3", 7}};
  start(options);
  EXPECT_FALSE(latest.get()->gone.contains("w-1"));
  EXPECT_TRUE(latest.get()->gone.contains("w-2"));
  EXPECT_EQ(latest.get()->gone.at("w-3"), 7);
}

TEST_F(ClusterWatchTest, UseIsAskedForWhereThereIsAMetricsApi) {
  stub->store().add_resource(
      {.group = "metrics.k8s.io", .version = "v1beta1", .plural = "nodes", .kind = "NodeMetrics", .namespaced = false});
  stub->store().add_resource({.group = "metrics.k8s.io", .version = "v1beta1", .plural = "pods", .kind = "PodMetrics"});
  put({{"apiVersion", "metrics.k8s.io/v1beta1"},
       {"kind", "NodeMetrics"},
       {"metadata", {{"name", "w-1"}}},
       {"usage", {{"cpu", "1500m"}, {"memory", "1Gi"}}}});
  start();
  EXPECT_TRUE(eventually([&] {
    const auto view = latest.get();
    return view->node_use && view->node_use->contains("w-1") && view->node_use->at("w-1").cpu_cores == 1.5;
  }));
  stub->go_away();
  EXPECT_TRUE(eventually([&] { return !latest.get()->node_use; })) << "what is not told now is not known";
}

}  // namespace
}  // namespace tessera::server
