// Nodes that are changed, against the played API: the agent, the device plugin's DaemonSet and mig-manager are played
// by the test.
#include "server/node_changes/node_changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "server/cluster_watch.h"
#include "server/wanted_layouts_json.h"
#include "store/audit.h"
#include "tests/kube_stub/stub.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using kube_stub::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kMerge = "application/merge-patch+json";

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

bool eventually(const std::function<bool()>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    wait_until(std::chrono::steady_clock::now() + 5ms, {});
  }
  return true;
}

struct NodeChangesTest : testing::Test {
  NodeChangesTest() {
    stub = must(kube_stub::Stub::start("127.0.0.1:0", Milliseconds(200)));
    put_node("w-1", Json::object());
    put_plugin("plugin-1");
    lists({"1g.10gb", "1g.10gb"});
    tell_fleet(2);
    ClusterWatchOptions watching;
    watching.publish_every = 5ms;
    watch = std::make_unique<ClusterWatch>(kube::ApiServer{.url = stub->url()}, watching, cluster,
                                           [] { return std::vector<std::string>(); });
    if (!eventually([&] { return cluster.get()->synced; })) throw std::runtime_error("the watch does not come");
    rules.settled = 0ms;
    rules.config_delay = 0ms;
  }
  ~NodeChangesTest() override { changes.reset(); }

  // ---- The cluster

  void put(const Json& one) { ASSERT_LT(stub->store().put(one).code, 300) << one; }
  void put_node(const std::string& name, const Json& labels) {
    put({{"apiVersion", "v1"},
         {"kind", "Node"},
         {"metadata", {{"name", name}, {"labels", labels}}},
         {"status", {{"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
  }
  void put_plugin(const std::string& name) {
    put({{"apiVersion", "v1"},
         {"kind", "Pod"},
         {"metadata",
          {{"name", name}, {"namespace", "gpu-operator"}, {"labels", {{"app", "nvidia-device-plugin-daemonset"}}}}},
         {"spec", {{"nodeName", "w-1"}}},
         {"status",
          {{"phase", "Running"},
           {"conditions",
            {{{"type", "Ready"}, {"status", "True"}, {"lastTransitionTime", "2026-01-01T00:00:00Z"}}}}}}});
  }
  void patch(const std::string& name, const Json& with, const std::string& part = "",
             const std::string& manager = "kubectl") {
    ASSERT_EQ(stub->store().patch(nodes_resource, "", name, with, kMerge, part, {manager}).code, 200) << with;
  }
  void label(const std::string& name, const Json& value, const std::string& manager = "mig-manager") {
    patch("w-1", {{"metadata", {{"labels", {{name, value}}}}}}, "", manager);
  }
  /// What the kubelet tells of its device plugin.
  void lists(const std::vector<std::string>& profiles) {
    Json amounts = {{"nvidia.com/mig-1g.10gb", "0"}, {"nvidia.com/mig-2g.20gb", "0"}};
    for (const std::string& one : profiles) {
      Json& amount = amounts["nvidia.com/mig-" + one];
      amount = std::to_string(std::stoi(amount.is_null() ? "0" : amount.get<std::string>()) + 1);
    }
    patch("w-1", {{"status", {{"allocatable", amounts}}}}, "status", "kubelet");
  }
  Json node(const std::string& name = "w-1") {
    const auto answer = stub->store().get(nodes_resource, "", name);
    return answer.code == 200 ? *answer.body : Json();
  }
  bool cordoned() { return node().value("/spec/unschedulable"_json_pointer, false); }
  std::string annotation() {
    return node().value("/metadata/annotations/tessera.dev~1layout-change"_json_pointer, std::string());
  }
  std::string stage() { return annotation().empty() ? "" : Json::parse(annotation())["stage"].get<std::string>(); }
  std::vector<std::string> plugins() {
    std::vector<std::string> out;
    for (const auto& one : stub->store().list(pods_resource, "gpu-operator").items)
      out.push_back((*one)["metadata"]["name"]);
    return out;
  }

  // ---- The fleet, and the node's agent

  /// A board with so many 1g, beside one that is not cut.
  void tell_fleet(int ones, const std::string& more = "") {
    std::string page = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="1g.10gb",profile_id="19",compute_slices="1",sm_count="16",memory_mib="9984",max_instances="7",placements="0:1,1:1,2:1,3:1,4:1,5:1,6:1"} 1
)";
    for (int i = 0; i < ones; ++i)
      page += fmt::format(
          R"(gpu_instance_info{{gpu="0",UUID="GPU-a",GPU_I_ID="{0}",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-{0}",start="{1}",size="1"}} 1
)",
          i + 3, i);
    time += 30'000;
    told.scrape(time, R"(node="w-1",job="agent")", page + more);
    told.fleet.advance(time);
    Published next;
    next.view = told.fleet.publish(time);
    fleet.publish(std::move(next));
  }
  static store::WantedLayout wish(std::int64_t generation) {
    return {"default",   "GPU-a", "w-1", generation, {{"2g.20gb", {0, 2}}}, {{"1g.10gb", {0, 1}}, {"1g.10gb", {1, 1}}},
            "key:a ada", 1000};
  }
  static ToldInstance instance(const std::string& profile, unsigned start, unsigned size) {
    return {{profile, {start, size}}, {profile}, {}};
  }
  /// It asks, and does at once what it is told; false: nothing was.
  bool agent_asks() {
    ToldNode now{.devices = {{.uuid = "GPU-a", .mig = true, .instances = stands}}};
    layouts->hear("default", "w-1", now);
    const auto reply = layouts->ask("default", "w-1", {}, Milliseconds(0));
    if (reply.body.empty()) return false;
    if (agent_works) stands = {instance("2g.20gb", 0, 2)};
    return true;
  }

  // ---- The server

  void start(std::vector<store::WantedLayout> wanted = {wish(3)}) {
    changes.reset();
    layouts = std::make_unique<WantedLayouts>(1, std::move(wanted));
    NodeChangeOptions options;
    options.rules = rules;
    options.look_every = 0ms;
    changes = std::make_unique<NodeChanges>(
        kube::ApiServer{.url = stub->url()}, "default", fleet, cluster, audit, *layouts, events, [] { return true; },
        options);
    layouts->hear("default", "w-1", {.devices = {{.uuid = "GPU-a", .mig = true, .instances = stands}}});
  }
  bool becomes(const std::function<bool()>& holds) {
    return eventually([&] {
      changes->look();
      return holds();
    });
  }
  NodeCourse course() { return layouts->course_of("default", "w-1").value_or(NodeCourse{}); }
  std::vector<std::string> acts() {
    std::vector<std::string> out;
    const auto rows = must(audit.read([](store::Database& database) { return store::audit_rows(database, 0, 100); }));
    for (const store::AuditRow& row : rows) out.push_back(row.entry.action);
    return out;
  }
  /// From where it stands to the end; the DaemonSet makes a new pod of the one that is deleted.
  bool comes_to_its_end() {
    return becomes([&] {
      agent_asks();
      if (plugins().empty()) {
        put_plugin("plugin-2");
        lists({"2g.20gb"});
      }
      return annotation().empty() && stands.size() == 1;
    });
  }

  const kube_stub::Resource nodes_resource{.version = "v1", .plural = "nodes", .kind = "Node", .namespaced = false};
  const kube_stub::Resource pods_resource{.version = "v1", .plural = "pods", .kind = "Pod"};
  std::unique_ptr<kube_stub::Stub> stub;
  fleet::ToldPages told;
  EpochMs time = now_epoch_ms();
  Latest<Published> fleet;
  Latest<fleet::ClusterView> cluster;
  std::unique_ptr<ClusterWatch> watch;
  TempDir folder;
  Changes audit{must(store::Database::open("sqlite:" + (folder.path() / "t.db").string()))};
  Events events{fleet, [] { return true; }};
  nodes::Rules rules;
  std::vector<ToldInstance> stands = {instance("1g.10gb", 0, 1), instance("1g.10gb", 1, 1)};
  bool agent_works = true;
  std::unique_ptr<WantedLayouts> layouts;
  std::unique_ptr<NodeChanges> changes;
};

TEST_F(NodeChangesTest, AreCordonedCutListedAndUncordonedInThisOrder) {
  start();
  EXPECT_FALSE(agent_asks()) << "before the node is cordoned nothing is told";
  ASSERT_TRUE(becomes([&] { return cordoned(); }));
  EXPECT_THAT(annotation(), HasSubstr("GPU-a is cut into other MIG instances by tessera-server"));
  ASSERT_TRUE(becomes([&] { return course().told; }));
  EXPECT_EQ(course().state, "changing");
  EXPECT_THAT(plugins(), ElementsAre("plugin-1"));
  EXPECT_TRUE(agent_asks());
  EXPECT_TRUE(becomes([&] {
    agent_asks();
    return plugins().empty();
  }));
  EXPECT_TRUE(cordoned());
  put_plugin("plugin-2");
  changes->look();
  EXPECT_TRUE(cordoned()) << "the node still lists what stood before";
  EXPECT_THAT(course().reason, HasSubstr("nvidia.com/mig-1g.10gb"));
  lists({"2g.20gb"});
  EXPECT_TRUE(becomes([&] { return !cordoned() && annotation().empty(); }));
  changes->look();
  EXPECT_EQ(course().state, "");
  EXPECT_THAT(acts(), ElementsAre("node.cordon", "node.list", "node.restart-plugin", "node.uncordon"));
  EXPECT_EQ(events.stats().events[static_cast<std::size_t>(fleet::ChangeKind::NodeChange)], 3U);
  EXPECT_EQ(changes->stats().acts["cordon"], 1U);
  EXPECT_EQ(changes->stats().nodes["listing"], 0U);
}

TEST_F(NodeChangesTest, AreGoneOnWithByWhoeverComesNext) {
  start();
  std::string last;
  for (int i = 0; i < 1'000 && !(annotation().empty() && stands.size() == 1); ++i) {
    changes->look();
    if (stage() != last) start({wish(3)});  // a new server, at each stage
    last = stage();
    agent_asks();
    if (plugins().empty()) {
      put_plugin("plugin-2");
      lists({"2g.20gb"});
    }
    wait_until(std::chrono::steady_clock::now() + 5ms, {});
  }
  EXPECT_THAT(annotation(), IsEmpty());
  EXPECT_FALSE(cordoned());
  EXPECT_THAT(stands, SizeIs(1));
}

TEST_F(NodeChangesTest, AreUncordonedThoughNobodyWantsItAnyLonger) {
  start();
  ASSERT_TRUE(becomes([&] { return cordoned(); }));
  start({});
  EXPECT_TRUE(becomes([&] {
    agent_asks();
    if (plugins().empty()) {
      put_plugin("plugin-2");
      lists({"1g.10gb", "1g.10gb"});
    }
    return !cordoned() && annotation().empty();
  }));
}

TEST_F(NodeChangesTest, OfAnAdminStayCordoned) {
  patch("w-1", {{"spec", {{"unschedulable", true}}}});
  ASSERT_TRUE(eventually([&] { return cluster.get()->node("default", "w-1")->cordoned; }));
  start();
  EXPECT_TRUE(comes_to_its_end());
  EXPECT_TRUE(cordoned());
  EXPECT_THAT(acts(), ElementsAre("node.list", "node.restart-plugin"));
}

TEST_F(NodeChangesTest, ThatAnAdminOpensAndClosesMeanwhileAreHis) {
  start();
  ASSERT_TRUE(becomes([&] { return cordoned(); }));
  patch("w-1", {{"spec", {{"unschedulable", nullptr}}}});
  patch("w-1", {{"spec", {{"unschedulable", true}}}});
  EXPECT_TRUE(comes_to_its_end());
  EXPECT_TRUE(cordoned()) << "though nobody saw it open: the API server knows whose the field is";
}

TEST_F(NodeChangesTest, WaitForTheirAgentAndForMigManagerToGo) {
  stands[0].held_by = "serving/llm-0";
  start();
  changes->look();
  EXPECT_EQ(course().state, "waiting");
  EXPECT_THAT(course().reason, HasSubstr("1g.10gb at 0 is held by serving/llm-0"));
  stands[0].held_by.clear();
  EXPECT_TRUE(course().blocked_since);
  EXPECT_EQ(layouts->why_uncut("default", "w-1"), "");
  label("nvidia.com/mig.config", "all-disabled", "gpu-operator");
  ASSERT_TRUE(
      eventually([&] { return cluster.get()->node("default", "w-1")->labels.contains("nvidia.com/mig.config"); }));
  start();
  changes->look();
  EXPECT_THAT(course().reason, HasSubstr("mig-manager has this node"));
  EXPECT_THAT(layouts->why_uncut("default", "w-1"), HasSubstr("mig-manager has this node"))
      << "who is to promise something there is told, too";
  EXPECT_FALSE(cordoned());
}

TEST_F(NodeChangesTest, AreLeftToWhoHasChangedADeviceByHand) {
  stands.push_back(instance("3g.40gb", 4, 4));
  start();
  EXPECT_TRUE(becomes([&] { return course().reason.starts_with("GPU-a: changed by somebody else: 3g.40gb at 4"); }));
  EXPECT_THAT(layouts->hands_off(), ElementsAre(wish(3))) << "though its agent was told nothing";
  EXPECT_FALSE(cordoned());
}

TEST_F(NodeChangesTest, AreNotThroughWhileAnInstanceHasNoComputeInstance) {
  start();
  agent_works = false;
  ASSERT_TRUE(becomes([&] { return agent_asks(); }));
  stands = {{{"2g.20gb", {0, 2}}, {}, {}}};  // it was stopped between two calls of the driver
  agent_asks();
  changes->look();
  EXPECT_EQ(course().state, "changing");
  EXPECT_TRUE(agent_asks()) << "it is told still";
  stands = {instance("2g.20gb", 0, 2)};
  ASSERT_TRUE(becomes([&] {
    agent_asks();
    return stage() == "listing";
  }));
}

TEST_F(NodeChangesTest, AreNotTouchedInADryRun) {
  rules.dry_run = true;
  start();
  changes->look();
  EXPECT_EQ(course().state, "dry-run");
  EXPECT_THAT(course().reason, HasSubstr("be cordoned"));
  EXPECT_FALSE(agent_asks());
  EXPECT_FALSE(cordoned());
  EXPECT_THAT(layouts->why_uncut("default", "w-1"), HasSubstr("dry-run"));
  for (const kube_stub::Logged& one : stub->log()) EXPECT_EQ(one.method, "GET") << one.path;
}

TEST_F(NodeChangesTest, ThatAreNoneOfTheClusterAreToldAtOnce) {
  auto elsewhere = wish(3);
  elsewhere.node = "bare-1";
  start({elsewhere});
  changes->look();
  EXPECT_EQ(Json::parse(layouts->ask("default", "bare-1", {}, Milliseconds(0)).body)["generation"], 3);
}

TEST_F(NodeChangesTest, AreChangedThroughWhateverTheApiServerDoes) {
  for (int i = 0; i < 120; ++i) put_node(fmt::format("plain-{}", i), Json::object());
  const auto fault = [&](const char* at, int status, const char* reason) {
    ASSERT_TRUE(stub->faults().add({{"request", {{"at", at}, {"status", status}, {"reason", reason}}}}));
  };
  ASSERT_TRUE(stub->faults().add({{"expire_continue", 1}}));
  start();
  fault("write", 409, "Conflict");
  fault("write", 500, "InternalError");
  ASSERT_TRUE(becomes([&] { return cordoned(); }));
  stub->go_away();
  const auto failures = changes->stats().failures;
  ASSERT_TRUE(becomes([&] { return changes->stats().failures > failures; }));
  ASSERT_TRUE(must(Result<bool>(static_cast<bool>(stub->come_back()))));
  fault("write", 409, "Conflict");
  EXPECT_TRUE(comes_to_its_end());
  EXPECT_FALSE(cordoned());
}

TEST_F(NodeChangesTest, NameTheRightThatIsMissing) {
  ASSERT_TRUE(
      stub->faults().add({{"request", {{"at", "write"}, {"status", 403}, {"reason", "Forbidden"}, {"times", 1'000}}}}));
  start();
  ASSERT_TRUE(becomes([&] { return changes->stats().failures > 0; }));
  EXPECT_THAT(course().reason, HasSubstr("\"patch\" on \"nodes\""));
  EXPECT_FALSE(course().told);
}

TEST_F(NodeChangesTest, WhosePluginNeverListsAreOpenedAndHoldUpTheNext) {
  rules.plugin_limit = 50ms;
  start();
  ASSERT_TRUE(becomes([&] {
    agent_asks();
    if (plugins().empty()) lists({});  // no new pod comes
    return stage() == "stopped" && plugins().empty() && !cordoned();
  })) << "it promises nothing";
  EXPECT_EQ(course().state, "stopped");
  EXPECT_THAT(course().reason, HasSubstr("the device plugin does not list what stands within 50ms"));
  EXPECT_THAT(acts(), testing::Contains("node.stop"));

  const auto other = [](std::int64_t generation) {
    auto out = wish(generation);
    out.node = "w-2", out.device_uuid = "GPU-b";
    return out;
  };
  put_node("w-2", Json::object());
  ASSERT_TRUE(eventually([&] { return cluster.get()->node("default", "w-2"); }));
  layouts->want(other(4));
  layouts->hear("default", "w-2", {.devices = {{.uuid = "GPU-b", .mig = true}}});
  changes->look();
  EXPECT_THAT(layouts->course_of("default", "w-2")->reason, HasSubstr("nodes with GPUs is being changed"));

  put_plugin("plugin-2");
  lists({"2g.20gb"});
  EXPECT_TRUE(becomes([&] { return annotation().empty(); })) << "a person has mended it";
}

// ---- mig-manager's way

struct ManagedNodesTest : NodeChangesTest {
  ManagedNodesTest() {
    rules.way = nodes::Way::MigManager;
    label("nvidia.com/mig.config.state", "success");
    if (!eventually([&] { return !cluster.get()->node("default", "w-1")->labels.empty(); }))
      throw std::runtime_error("the watch does not come");
  }
  std::string config() {
    const kube_stub::Resource maps{.version = "v1", .plural = "configmaps", .kind = "ConfigMap"};
    const auto answer = stub->store().get(maps, "gpu-operator", "tessera-mig-config");
    return answer.code == 200 ? (*answer.body)["data"]["config.yaml"].get<std::string>() : "";
  }
  std::string wanted_label() { return node()["metadata"]["labels"].value("nvidia.com/mig.config", ""); }
  void tell_two() {
    tell_fleet(
        0,
        R"(gpu_instance_info{gpu="0",UUID="GPU-a",GPU_I_ID="1",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-1",start="4",size="2"} 1
)");
  }
};

TEST_F(ManagedNodesTest, AreCutByTheLabelOnceTheyAreEmpty) {
  start();
  EXPECT_FALSE(agent_asks());
  ASSERT_TRUE(becomes([&] { return cordoned(); }));
  EXPECT_THAT(config(), HasSubstr("\"2g.20gb\": 1"));
  EXPECT_FALSE(agent_asks()) << "never both ways on one node";
  changes->look();
  EXPECT_EQ(wanted_label(), "") << "that it is empty has to be told anew";
  time = std::max(time, now_epoch_ms());
  tell_fleet(2);
  ASSERT_TRUE(becomes([&] { return !wanted_label().empty(); }));
  EXPECT_THAT(config(), HasSubstr(wanted_label()));
  label("nvidia.com/mig.config.state", "pending");
  ASSERT_TRUE(becomes([&] { return course().reason == "mig-manager is at work (pending)"; }));
  tell_two();  // where the driver has put it
  label("nvidia.com/mig.config.state", "success");
  ASSERT_TRUE(becomes([&] { return plugins().empty(); }));
  put_plugin("plugin-2");
  lists({"2g.20gb"});
  EXPECT_TRUE(becomes([&] { return !cordoned() && annotation().empty(); }));
  EXPECT_THAT(acts(), ElementsAre("node.configure", "node.cordon", "node.label", "node.list", "node.restart-plugin",
                                  "node.uncordon"));
  EXPECT_THAT(wanted_label(), Not(IsEmpty())) << "without it the GPU operator would set its own";
}

TEST_F(ManagedNodesTest, AreNotCutWhileSomebodyHasADevice) {
  tell_fleet(
      2,
      R"(gpu_process_info{gpu="0",UUID="GPU-a",GPU_I_ID="3",GPU_CI_ID="0",pid="7",command="python3",type="C",status="active",attribution="pod",pod="llm-0",namespace="serving",container="c",pod_uid="u1"} 1
)");
  start();
  for (int i = 0; i < 3; ++i) changes->look();
  EXPECT_EQ(course().state, "waiting");
  EXPECT_THAT(course().reason, HasSubstr("serving/llm-0 runs on it"));
  EXPECT_FALSE(cordoned());
}

TEST_F(ManagedNodesTest, WhoseLabelIsSomebodysAreLeftToHim) {
  label("nvidia.com/mig.config", "all-disabled", "gpu-operator");
  start();
  agent_asks();
  ASSERT_TRUE(becomes([&] { return course().reason.find("belongs to gpu-operator") != std::string::npos; }));
  EXPECT_FALSE(cordoned());
  EXPECT_EQ(wanted_label(), "all-disabled");
}

TEST_F(ManagedNodesTest, ThatMigManagerFailsAreOpenedAndSayWhy) {
  rules.manager_limit = 1ms;
  start();
  changes->look();
  EXPECT_THAT(course().reason, HasSubstr("may still act")) << "a server before this one may have told it";
  agent_asks();
  ASSERT_TRUE(becomes([&] { return cordoned(); }));
  time = std::max(time, now_epoch_ms());
  tell_fleet(2);
  ASSERT_TRUE(becomes([&] {
    if (plugins().empty()) {
      put_plugin("plugin-2");
      lists({"1g.10gb", "1g.10gb"});
    }
    return stage() == "stopped";
  }));
  EXPECT_FALSE(cordoned());
  EXPECT_THAT(course().reason, HasSubstr("nvidia.com/mig.config"));
}

}  // namespace
}  // namespace tessera::server
