// What a cluster's API tells stands in the rows of nodes and pods, and they are filtered by it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fleet/cluster/cluster_state.h"
#include "fleet/inventory/told_pages.h"
#include "server/api.h"
#include "server/api_status.h"
#include "server/schema_check.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr std::string_view kPage = R"(
gpu_allocation_info{gpu="0",UUID="GPU-0",resource="nvidia.com/gpu",share="exclusive",pod="trainer-0",namespace="ml",container="main"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-0",modelName="Tesla T4"} 0.5
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-1",modelName="Tesla T4"} 0.25
)";

using List = Page (*)(const Known&, Query&);

struct ClusterApi : testing::Test {
  ClusterApi() {
    for (const char* name : {"w-1", "w-2"}) {
      told.scrape(kStart, std::string("job=\"agent\",node=\"") + name + "\"",
                  std::string(name) == "w-1"
                      ? std::string(kPage)
                      : "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-2\",modelName=\"Tesla T4\"} 0\n");
      fleet::ClusterNode node;
      node.name = name;
      node.labels = {{"pool", std::string(name) == "w-1" ? "a100" : "t4"}, {"gpu", "yes"}};
      node.allocatable = {{"nvidia.com/gpu", 2}};
      node.taints = {{"nvidia.com/gpu", "", "NoSchedule"}};
      node.conditions = {{"Ready", "True", "KubeletReady"}};
      node.ready = true;
      node.cordoned = std::string(name) == "w-2";
      state.put(node);
    }
    state.put(fleet::ClusterNamespace{"ml", {{"team", "vision"}}, {}});
    state.put(fleet::ClusterNamespace{"serving", {}, {}});
    fleet::ClusterPod pod;
    pod.space = "ml";
    pod.name = "trainer-0";
    pod.phase = "Running";
    pod.node = "w-1";
    pod.requests = {{"nvidia.com/gpu", 1}};
    pod.owner_kind = "StatefulSet";
    pod.owner_name = "trainer";
    state.put(pod);
    pod.name = "trainer-1";
    pod.phase = "Pending";
    pod.node = "";
    pod.labels = {{"team", "speech"}};
    pod.waits_reason = "Unschedulable";
    pod.waits_message = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.";
    state.put(pod);
    auto use = std::make_shared<const fleet::ResourceUses>(
        fleet::ResourceUses{{"w-1", {1.5, 1024}}, {"ml/trainer-0", {0.25, 512}}});
    state.use(use, use);
    for (const auto list : {fleet::ClusterList::Nodes, fleet::ClusterList::Namespaces, fleet::ClusterList::Pods})
      state.complete(list, 0);
    refresh();
  }
  void refresh() {
    cluster = state.view();
    view = told.fleet.publish(kStart);
    overviews = fold.of(*view);
    heads = std::make_unique<ListHeads>();
  }
  Json items(List list, const std::string& query, const std::string& schema) {
    http::Request request;
    request.method = "GET";
    request.query = query;
    Query asked(request);
    const Page page =
        list({*view, overviews, *cluster, serving, supported, everybody(), history, texts, *heads, allocations}, asked);
    problem = asked.problem();
    EXPECT_FALSE(problem) << query;
    Json out = Json::array();
    if (problem) return out;
    for (std::size_t i = 0; i < page.rows; ++i) {
      page.row(i, out.emplace_back());
      EXPECT_THAT(check.wrong_in(out.back(), check.at({"components", "schemas", schema})), IsEmpty());
    }
    return out;
  }
  std::vector<std::string> names(List list, const std::string& query, const std::string& schema) {
    std::vector<std::string> out;
    for (const Json& row : items(list, query, schema)) out.push_back(row.contains("id") ? row["id"] : row["name"]);
    return out;
  }

  const SchemaCheck& check = own_schema();
  fleet::ToldPages told;
  fleet::ClusterState state{"default", {"team"}};
  fleet::OverviewFold fold;
  fleet::Overviews overviews;
  std::shared_ptr<const fleet::ClusterView> cluster;
  std::shared_ptr<const fleet::View> view;
  fleet::ServingView serving;
  std::vector<std::string> supported;
  History history;
  NodeTexts texts;
  fleet::AllocationBook allocations;
  std::unique_ptr<ListHeads> heads;
  std::optional<Problem> problem;
};

TEST_F(ClusterApi, NodesShowWhatTheApiSays) {
  const Json rows = items(list_nodes, "", "Node");
  ASSERT_EQ(rows.size(), 2U);
  const Json& of = rows[0]["kubernetes"];
  EXPECT_EQ(of["ready"], true);
  EXPECT_EQ(of["cordoned"], false);
  EXPECT_EQ(rows[1]["kubernetes"]["cordoned"], true);
  EXPECT_EQ(of["labels"]["pool"], "a100");
  EXPECT_EQ(of["taints"][0]["effect"], "NoSchedule");
  EXPECT_EQ(of["allocatable"], (Json{{"nvidia.com/gpu", 2}}));
  EXPECT_EQ(of["cpuCoresUsed"], 1.5);
  EXPECT_EQ(of["memoryBytesUsed"], 1024);
  EXPECT_EQ(rows[1]["kubernetes"]["cpuCoresUsed"], nullptr);
}

TEST_F(ClusterApi, LabelSelectorsChooseNodesAndDevices) {
  const struct {
    const char* query;
    std::vector<std::string> nodes, devices;
  } kCases[] = {
      {"labelSelector=pool%3Da100", {"w-1"}, {"w-1-GPU-00", "w-1-GPU-01"}},
      {"labelSelector=pool!%3Da100,gpu", {"w-2"}, {"w-2-GPU-00"}},
      {"labelSelector=pool+in+(a100,t4)", {"w-1", "w-2"}, {"w-1-GPU-00", "w-1-GPU-01", "w-2-GPU-00"}},
      {"labelSelector=!gpu", {}, {}},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(names(list_nodes, c.query, "Node"), c.nodes) << c.query;
    EXPECT_EQ(names(list_devices, c.query, "Device"), c.devices) << c.query;
  }
}

TEST_F(ClusterApi, AWrongSelectorAndOneWithoutAClusterAreRefused) {
  const auto detail = [&](const std::string& query) {
    http::Request request;
    request.query = query;
    Query asked(request);
    list_devices({*view, overviews, *cluster, serving, supported, everybody(), history, texts, *heads, allocations},
                 asked);
    return asked.problem() && !asked.problem()->faults.empty() ? asked.problem()->faults[0].detail : "";
  };
  EXPECT_THAT(detail("labelSelector=a+b"), HasSubstr("expected"));
  cluster = std::make_shared<const fleet::ClusterView>();
  EXPECT_THAT(detail("labelSelector=a"), HasSubstr("watches no cluster"));
}

TEST_F(ClusterApi, PodsShowOwnersRequestsAndWhyTheyWait) {
  const Json rows = items(list_pods, "", "Pod");
  ASSERT_EQ(rows.size(), 2U);
  const Json& runs = rows[0];
  EXPECT_EQ(runs["name"], "trainer-0");
  EXPECT_EQ(runs["team"], "vision") << "its namespace's";
  EXPECT_EQ(runs["kubernetes"]["owner"], (Json{{"kind", "StatefulSet"}, {"name", "trainer"}}));
  EXPECT_EQ(runs["kubernetes"]["requests"], (Json{{"nvidia.com/gpu", 1}}));
  EXPECT_EQ(runs["kubernetes"]["cpuCoresUsed"], 0.25);
  EXPECT_EQ(runs["kubernetes"]["waiting"], nullptr);
  EXPECT_EQ(runs["parts"].size(), 1U);
  const Json& waits = rows[1];
  EXPECT_EQ(waits["name"], "trainer-1");
  EXPECT_EQ(waits["node"], nullptr);
  EXPECT_EQ(waits["team"], "speech") << "its own label";
  EXPECT_EQ(waits["use"], "unknown");
  EXPECT_EQ(waits["firstSeen"], nullptr);
  EXPECT_EQ(waits["kubernetes"]["waiting"]["message"], "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.");
  EXPECT_THAT(names(list_pods, "phase=Pending", "Pod"), ElementsAre("trainer-1"));
  EXPECT_THAT(names(list_pods, "team=vision", "Pod"), ElementsAre("trainer-0"));
  EXPECT_THAT(names(list_pods, "nodeName=w-1", "Pod"), ElementsAre("trainer-0"));
  EXPECT_THAT(names(list_pods, "deviceId=w-1-GPU-00", "Pod"), ElementsAre("trainer-0"));
  EXPECT_THAT(names(list_pods, "sort=-team", "Pod"), ElementsAre("trainer-0", "trainer-1"));
  EXPECT_THAT(names(list_pods, "cluster=other", "Pod"), IsEmpty());
  EXPECT_THAT(names(list_pods, "namespace=serving", "Pod"), IsEmpty());
}

TEST_F(ClusterApi, APodAtOurGateSaysWhatItWaitsFor) {
  fleet::ClusterPod pod;
  pod.space = "ml";
  pod.name = "gated";
  pod.phase = "Pending";
  pod.requests = {{"nvidia.com/gpu", 1}};
  pod.gates = {"tessera.dev/allocation"};
  pod.waits_reason = "SchedulingGated";
  pod.waits_message = "Scheduling is blocked due to non-empty scheduling gates";
  state.put(pod);
  refresh();
  const auto waiting = [&] {
    for (const Json& row : items(list_pods, "phase=Pending", "Pod"))
      if (row["name"] == "gated") return row["kubernetes"]["waiting"];
    return Json();
  };
  EXPECT_EQ(waiting()["message"], pod.waits_message) << "nothing is known yet";
  pod.waits_reason.clear();
  pod.notes = {{"tessera.dev/gpu-allocation", "promised: 2g.20gb of w-1 is being cut"}};
  state.put(pod);
  refresh();
  EXPECT_EQ(waiting()["reason"], "SchedulingGated");
  EXPECT_EQ(waiting()["message"], "promised: 2g.20gb of w-1 is being cut");
}

TEST_F(ClusterApi, EnginesStandBesideTheGpusOfTheirPods) {
  fleet::Served of;
  of.cluster = "default";
  of.space = "ml";
  of.pod = "trainer-0";
  of.model = "m";
  of.ranks = 1;
  of.running = 3;
  of.kv_used_ratio = 0.4125;
  of.first_token.mean = 0.125;
  of.first_seen = of.last_seen = kStart;
  serving.engines = {std::make_shared<const fleet::Served>(of)};
  of.pod = "";
  of.space = "";
  of.instance = "10.0.0.9:8000";
  of.engine = fleet::Engine::Sglang;
  serving.engines.push_back(std::make_shared<const fleet::Served>(of));
  const Json rows = items(list_serving, "sort=-engine", "Served");
  ASSERT_EQ(rows.size(), 2U);
  const Json& held = rows[0];
  EXPECT_EQ(held["team"], "vision");
  EXPECT_EQ(held["kvCacheUsedPercent"], 41.25);
  EXPECT_EQ(held["timeToFirstTokenSeconds"]["mean"], 0.125);
  EXPECT_EQ(held["timeToFirstTokenSeconds"]["p99"], nullptr);
  EXPECT_EQ(held["waiting"], nullptr);
  EXPECT_EQ(held["utilization"]["allocated"], 50);
  EXPECT_EQ(held["parts"][0]["deviceId"], "w-1-GPU-00");
  EXPECT_EQ(held["node"], "w-1") << "by the API where its metrics do not tell";
  EXPECT_EQ(rows[1]["pod"], nullptr);
  EXPECT_EQ(rows[1]["parts"], Json::array());
  EXPECT_EQ(items(list_serving, "engine=sglang", "Served").size(), 1U);
  EXPECT_EQ(items(list_serving, "namespace=ml&model=m", "Served").size(), 1U);
  EXPECT_EQ(items(list_serving, "team=none", "Served").size(), 0U);
}

TEST_F(ClusterApi, ALeadersGroupHoldsGpusToo) {
  fleet::ClusterPod leader = *cluster->pod("default", "ml", "trainer-0");
  leader.name = "leader";
  leader.labels = {{"leaderworkerset.sigs.k8s.io/group-key", "g"}};
  state.put(leader);
  fleet::ClusterPod worker = *cluster->pod("default", "ml", "trainer-0");
  worker.labels = leader.labels;
  state.put(worker);
  refresh();
  fleet::Served of;
  of.cluster = "default";
  of.space = "ml";
  of.pod = "leader";
  serving.engines = {std::make_shared<const fleet::Served>(of)};
  const Json rows = items(list_serving, "", "Served");
  EXPECT_EQ(rows[0]["pods"], (Json{"leader", "trainer-0"}));
  EXPECT_EQ(rows[0]["parts"].size(), 1U);
}

TEST(ClusterStatus, SaysHowTheWatchGoesAndIsWhatTheDocumentSays) {
  const SchemaCheck& check = own_schema();
  const auto schema = check.at({"components", "schemas", "WatchedCluster"});
  const Json none = cluster_json(std::nullopt);
  EXPECT_THAT(check.wrong_in(none, schema), IsEmpty());
  EXPECT_EQ(none["watched"], false);
  ClusterWatchStats of;
  of.cluster = "prod";
  of.lists = {{"nodes", {.objects = 3, .connected = true, .synced = true}, kStart}, {"pods", {.last_error = "403"}}};
  of.use = {.works = false, .answered = kStart, .why = "404"};
  const Json told = cluster_json(of);
  EXPECT_THAT(check.wrong_in(told, schema), IsEmpty());
  EXPECT_EQ(told["lists"][0]["objects"], 3);
  EXPECT_EQ(told["lists"][0]["asOf"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(told["lists"][0]["why"], nullptr);
  EXPECT_EQ(told["lists"][1]["asOf"], nullptr);
  EXPECT_EQ(told["lists"][1]["why"], "403");
  EXPECT_EQ(told["resourceMetrics"]["why"], "404");
}

TEST_F(ClusterApi, UtilizationIsGroupedByTeam) {
  const Json rows = items(list_utilization, "groupBy=team", "UtilizationGroup");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0]["key"], "vision");
  EXPECT_EQ(rows[0]["value"], 50);
  EXPECT_EQ(rows[0]["deviceCount"], 1);
}

}  // namespace
}  // namespace tessera::server
