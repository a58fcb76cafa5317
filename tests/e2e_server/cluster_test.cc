// The server as a pod of a cluster whose API is played behind TLS: what it says of nodes and pods, and a node that
// leaves.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/e2e/node.h"
#include "tests/e2e_relay/cluster.h"
#include "tests/e2e_relay/relay.h"
#include "tests/e2e_relay/target.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using nlohmann::json;
using testing::HasSubstr;

constexpr const char* kPage =
    R"(gpu_allocation_info{{node="{0}",gpu="0",UUID="GPU-{0}",resource="nvidia.com/gpu",pod="trainer-0",namespace="ml",container="main"}} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{{node="{0}",gpu="0",UUID="GPU-{0}",modelName="Tesla T4"}} 0.5
)";

json node(const std::string& name, const json& more_spec = json::object()) {
  json out = {{"apiVersion", "v1"},
              {"kind", "Node"},
              {"metadata", {{"name", name}, {"labels", {{"pool", "t4"}}}}},
              {"spec", {{"taints", {{{"key", "nvidia.com/gpu"}, {"effect", "NoSchedule"}}}}}},
              {"status",
               {{"allocatable", {{"nvidia.com/gpu", "1"}, {"cpu", "8"}}},
                {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}};
  out["spec"].update(more_spec);
  return out;
}

json pod(const std::string& name, const std::string& node_name) {
  json out = {
      {"apiVersion", "v1"},
      {"kind", "Pod"},
      {"metadata",
       {{"name", name},
        {"namespace", "ml"},
        {"labels", {{"pod-template-hash", "7d9f"}}},
        {"ownerReferences",
         {{{"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", "trainer-7d9f"}, {"controller", true}}}}}},
      {"spec",
       {{"containers", {{{"name", "main"}, {"image", "i"}, {"resources", {{"limits", {{"nvidia.com/gpu", "1"}}}}}}}}}},
      {"status", {{"phase", node_name.empty() ? "Pending" : "Running"}}}};
  if (!node_name.empty()) {
    out["spec"]["nodeName"] = node_name;
  } else {
    out["status"]["conditions"] = {{{"type", "PodScheduled"},
                                    {"status", "False"},
                                    {"reason", "Unschedulable"},
                                    {"message", "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."}}};
  }
  return out;
}

struct InACluster : testing::Test {
  InACluster() {
    put(node("w-1"));
    put({{"apiVersion", "v1"},
         {"kind", "Namespace"},
         {"metadata", {{"name", "ml"}, {"labels", {{"team", "vision"}}}}}});
    put(pod("trainer-0", "w-1"));
    server = std::make_unique<Server>(
        fmt::format("cluster-metadata: {{service-account: {}}}\n", cluster.flags().back()), cluster.environment());
    relay = std::make_unique<Relay>(global() + "scrape_configs:\n" +
                                    static_job("tessera-agent", {target.address()}, "  honor_labels: true\n") +
                                    "remote_write:\n" + write_to("server", server->write_url()));
  }
  void put(const json& object) { EXPECT_LT(cluster.stub().store().put(object).code, 300) << object; }
  void remove_node(const std::string& name) {
    EXPECT_LT(cluster.stub()
                  .store()
                  .remove({.version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false}, "", name)
                  .code,
              300);
  }
  json only(const std::string& path) {
    const json items = server->get(path).at("items");
    return items.size() == 1 ? items[0] : json();
  }
  /// Null while it is not known.
  json kubernetes() {
    const json row = only("/gpu/nodes?presence=present,stale,missing,retired");
    return row.is_null() ? row : row.at("kubernetes");
  }
  std::string presence() {
    const json row = only("/gpu/devices?presence=present,stale,missing,retired");
    return row.is_null() ? "" : row.at("presence").get<std::string>();
  }

  Cluster cluster;
  ScriptedTarget target{fmt::format(kPage, "w-1")};
  std::unique_ptr<Server> server;
  std::unique_ptr<Relay> relay;
};

TEST_F(InACluster, RowsSayWhatTheApiSays) {
  ASSERT_TRUE(eventually([&] { return !kubernetes().is_null(); })) << server->process().output();
  const json of = kubernetes();
  EXPECT_EQ(of.at("ready"), true);
  EXPECT_EQ(of.at("cordoned"), false);
  EXPECT_EQ(of.at("labels").at("pool"), "t4");
  EXPECT_EQ(of.at("taints")[0].at("effect"), "NoSchedule");
  EXPECT_EQ(of.at("allocatable").at("nvidia.com/gpu"), 1);
  EXPECT_EQ(server->get("/gpu/devices?labelSelector=pool%3Dt4").at("total"), 1);
  EXPECT_EQ(server->get("/gpu/devices?labelSelector=pool!%3Dt4").at("total"), 0);
  put(node("w-1", {{"unschedulable", true}}));
  EXPECT_TRUE(eventually([&] { return kubernetes().at("cordoned") == true; }));

  ASSERT_TRUE(eventually([&] { return only("/gpu/pods?team=vision").is_object(); }));
  const json runs = only("/gpu/pods?team=vision");
  EXPECT_EQ(runs.at("kubernetes").at("owner"), json({{"kind", "Deployment"}, {"name", "trainer"}}));
  EXPECT_EQ(runs.at("parts").size(), 1U);
  EXPECT_EQ(only("/gpu/utilization?groupBy=team").at("value"), 50);

  put(pod("trainer-1", ""));
  ASSERT_TRUE(eventually([&] { return only("/gpu/pods?phase=Pending").is_object(); }));
  const json waits = only("/gpu/pods?phase=Pending");
  EXPECT_EQ(waits.at("name"), "trainer-1");
  EXPECT_THAT(waits.at("kubernetes").at("waiting").at("message").get<std::string>(), HasSubstr("Insufficient"));
  put(pod("trainer-1", "w-1"));
  EXPECT_TRUE(eventually([&] { return server->get("/gpu/pods?phase=Pending").at("total") == 0; }));
}

TEST_F(InACluster, StatusAndDoctorSayHowTheWatchGoes) {
  const auto watched = [&] { return server->get("/status").at("cluster"); };
  const auto all = [&](const auto& is) {
    const json lists = watched().at("lists");
    return lists.size() == 4 && std::ranges::all_of(lists, is);
  };
  const auto doctor = [&] { return run({program("tessera"), "doctor", "--server", server->url("")}); };
  ASSERT_TRUE(eventually([&] {
    return all([](const json& one) { return one.at("connected") == true && one.at("asOf").is_string(); });
  })) << server->process().output();
  EXPECT_EQ(watched().at("name"), "default");
  ASSERT_TRUE(eventually([&] { return watched().at("resourceMetrics").at("works") == false; }));
  EXPECT_THAT(watched().at("resourceMetrics").at("why").get<std::string>(), HasSubstr("404"));
  EXPECT_THAT(doctor().output, testing::AllOf(HasSubstr("the cluster default is watched"),
                                              HasSubstr("CPU and memory in use are not known")));
  cluster.stub().go_away();
  ASSERT_TRUE(eventually([&] {
    return all([](const json& one) { return one.at("connected") == false && one.at("why").is_string(); });
  })) << watched();
  const Finished behind = doctor();
  EXPECT_EQ(behind.code, 1);
  EXPECT_THAT(behind.output, HasSubstr("the cluster's pods are"));
}

TEST_F(InACluster, ANodeThatLeavesIsRetiredAndComesBack) {
  ASSERT_TRUE(eventually([&] { return presence() == "present" && !kubernetes().is_null(); }));
  cluster.stub().go_away();
  const auto seen = [&] { return server->get("/gpu/nodes").at("items").at(0).at("lastSeen").get<std::string>(); };
  const std::string before = seen();
  ASSERT_TRUE(eventually([&] { return seen() > before; }));
  EXPECT_EQ(presence(), "present") << "silence of the API takes nothing away";
  EXPECT_FALSE(kubernetes().is_null());
  ASSERT_TRUE(cluster.stub().come_back());

  remove_node("w-1");
  EXPECT_TRUE(eventually([&] { return presence() == "retired"; })) << server->process().output();
  EXPECT_EQ(server->get("/gpu/health").at("total"), 0) << "nobody is alarmed";
  EXPECT_EQ(server->get("/gpu/overview").at("totalGpuDevices"), 0);
  put(node("w-1"));
  EXPECT_TRUE(eventually([&] { return presence() == "present"; }));
}

TEST_F(InACluster, ANodeThatLeavesWhileNobodyLooksIsRetiredToo) {
  ASSERT_TRUE(eventually([&] { return presence() == "present" && !kubernetes().is_null(); }));
  EXPECT_EQ(server->stop(), 0);
  remove_node("w-1");
  server->start();  // at another port, so that nobody sends
  EXPECT_TRUE(eventually([&] { return presence() == "retired"; })) << server->process().output();
  EXPECT_EQ(server->get("/gpu/health").at("total"), 0);
}

TEST_F(InACluster, UseIsShownWhereThereIsAMetricsApi) {
  cluster.stub().store().add_resource(
      {.group = "metrics.k8s.io", .version = "v1beta1", .plural = "nodes", .kind = "NodeMetrics", .namespaced = false});
  cluster.stub().store().add_resource(
      {.group = "metrics.k8s.io", .version = "v1beta1", .plural = "pods", .kind = "PodMetrics"});
  put({{"apiVersion", "metrics.k8s.io/v1beta1"},
       {"kind", "NodeMetrics"},
       {"metadata", {{"name", "w-1"}}},
       {"usage", {{"cpu", "1500m"}, {"memory", "1Gi"}}}});
  put({{"apiVersion", "metrics.k8s.io/v1beta1"},
       {"kind", "PodMetrics"},
       {"metadata", {{"name", "trainer-0"}, {"namespace", "ml"}}},
       {"containers", {{{"name", "main"}, {"usage", {{"cpu", "250m"}, {"memory", "1Mi"}}}}}}});
  server->stop();
  server->start();  // it asks when it knows the cluster, and then each half a minute
  relay->configure(global() + "scrape_configs:\n" +
                   static_job("tessera-agent", {target.address()}, "  honor_labels: true\n") + "remote_write:\n" +
                   write_to("server", server->write_url()));
  ASSERT_TRUE(eventually([&] {
    const json of = kubernetes();
    return of.is_object() && of.at("cpuCoresUsed") == 1.5;
  }));
  EXPECT_EQ(only("/gpu/pods").at("kubernetes").at("memoryBytesUsed"), 1'048'576);
}

TEST(OutsideOfACluster, TheServerWatchesNoneUnlessItMust) {
  Server server;
  EXPECT_EQ(server.get("/gpu/nodes").at("total"), 0);
  const TempDir folder;
  const std::string file = (folder.path() / "server.yaml").string();
  ASSERT_TRUE(write_file_atomically(file, "cluster-metadata: {enabled: true}\n"));
  const Finished finished =
      run({program("tessera-server"), "--address", "127.0.0.1:0", "--data", folder.path().string(), "--config", file});
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.output, HasSubstr("cluster-metadata.enabled"));
}

}  // namespace
}  // namespace tessera::e2e
