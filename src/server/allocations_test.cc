#include "server/allocations.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>
#include <thread>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/access/access.h"
#include "server/allocations_json.h"
#include "server/api_allocations.h"
#include "server/api_json.h"
#include "server/api_wanted_layout.h"
#include "store/allocations.h"

namespace tessera::server {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr EpochMs kStart = 1'800'000'000'000;

/// One board in MIG mode, on which three 2g have room.
constexpr std::string_view kBoard = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="3g.40gb",profile_id="9",compute_slices="3",sm_count="60",memory_mib="40448",max_instances="2",placements="0:4,4:4"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="1g.10gb",profile_id="19",compute_slices="1",sm_count="16",memory_mib="9984",max_instances="7",placements="0:1,1:1,2:1,3:1,4:1,5:1,6:1"} 1
)";

std::string instance(unsigned gi, unsigned start, const std::string& profile = "2g.20gb", unsigned size = 2) {
  return R"(gpu_instance_info{gpu="0",UUID="GPU-a",GPU_I_ID=")" + std::to_string(gi) +
         R"(",GPU_CI_ID="0",GPU_I_PROFILE=")" + profile + R"(",mig_uuid="MIG-)" + std::to_string(gi) + R"(",start=")" +
         std::to_string(start) + "\",size=\"" + std::to_string(size) + "\"} 1\n";
}
std::string held(unsigned gi, const std::string& pod) {
  return R"(gpu_allocation_info{gpu="0",UUID="GPU-a",GPU_I_ID=")" + std::to_string(gi) +
         R"(",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",container="c",namespace="ml",pod=")" +
         pod + "\",pod_uid=\"u-" + pod + "\"} 1\n";
}
std::string body(const std::string& pod, const std::string& more = "") {
  return R"({"namespace":"ml","podName":")" + pod +
         R"(","workloadType":"Inference","useMig":true,"requiredMemoryGb":20)" + more + "}";
}

struct AllocationsTest : testing::Test {
  AllocationsTest() {
    look("", 0);
    open();
  }

  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return *std::move(result);
  }

  void open() {
    allocations = must(Allocations::open(
        fleet, access->changes(), layouts, events,
        [this] {
          if (on_started) on_started();
          return true;
        },
        options));
    auto routes = allocation_routes(fleet, *allocations, {}, "/api");
    for (http::Route& one :
         wanted_layout_routes(fleet, *access, layouts, [this] { return allocations->book(); }, true, "/api"))
      routes.push_back(std::move(one));
    router = std::make_unique<http::Router>(must(http::Router::build(std::move(routes))));
  }

  void scrape(const std::string& page, EpochMs seconds, std::string_view board = kBoard) {
    const EpochMs now = kStart + seconds * 1'000;
    told.scrape(now, R"(node="w-1",job="agent")", std::string(board) + page);
    told.fleet.advance(now);
    Published next;
    next.view = told.fleet.publish(now);
    fleet.publish(std::move(next));
  }
  /// A scrape, and what the thread would do then.
  void look(const std::string& page, EpochMs seconds) {
    scrape(page, seconds);
    if (allocations) allocations->look();
  }

  http::Response send(const std::string& method, const std::string& path, const std::string& content = "",
                      const std::string& query = "", const std::shared_ptr<const Viewer>& viewer = nullptr,
                      const std::string& key = "") {
    http::Request request;
    request.method = method;
    request.path = "/api" + path;
    request.query = query;
    request.body = content;
    request.headers = {{"Content-Type", "application/json"}};
    if (!key.empty()) request.headers.emplace_back("Idempotency-Key", key);
    if (viewer) request.caller = std::make_shared<const Caller>(Caller{viewer, {}});
    auto match = std::get<http::Router::Match>(router->find(method, request.path));
    request.params = match.params;
    return match.route->handle(request);
  }
  http::Response ask(const std::string& content, const std::string& query = "") {
    return send("POST", "/gpu/allocations", content, query);
  }
  Json asked(const std::string& content, int status = 201) {
    const auto reply = ask(content);
    EXPECT_EQ(reply.status, status) << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  Json shown(const Json& one) {
    return Json::parse(send("GET", "/gpu/allocations/" + one["id"].get<std::string>()).body, nullptr, false);
  }
  std::vector<store::WantedInstance> wanted() {
    const auto of = layouts.of("default", "GPU-a");
    return of ? of->instances : std::vector<store::WantedInstance>();
  }
  /// What is in memory is what the database has.
  void expect_kept() {
    const auto known = must(store::allocations(*must(store::Database::open(url))));
    EXPECT_EQ(must(fleet::AllocationBook::of(known)), *allocations->book());
  }

  fleet::ToldPages told;
  Latest<Published> fleet;
  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<Access> access = must(Access::open(must(store::Database::open(url)), {}, "127.0.0.1:0"));
  SteadyTime clock = std::chrono::steady_clock::now();  ///< by which agents are silent
  WantedLayouts layouts{0, {}, 0, [this] { return clock; }};
  Events events{fleet, [] { return false; }};
  AllocationOptions options{
      .cleanup = true, .cleanup_after = Milliseconds(30'000), .gone_after = Milliseconds(20'000), .look_every = {}};
  std::function<void()> on_started;  ///< when it is asked whether all that was known before a restart is
  std::unique_ptr<Allocations> allocations;
  std::unique_ptr<http::Router> router;
};

TEST_F(AllocationsTest, ASliceIsCutHeldGivenBackAndCleanedUp) {
  const Json made = asked(body("p"));
  EXPECT_EQ(made["state"], "promised");
  EXPECT_EQ(made["ready"], false);
  EXPECT_EQ(made["parts"][0]["profileKey"], "H100_2G20GB");
  EXPECT_EQ(made["parts"][0]["resource"], "nvidia.com/mig-2g.20gb");
  EXPECT_EQ(made["decision"]["requiredMib"], 19'074);
  ASSERT_EQ(wanted().size(), 1U);
  const unsigned start = wanted().front().placement.start;

  look(instance(3, start), 5);
  EXPECT_EQ(shown(made)["ready"], true);
  look(instance(3, start) + held(3, "p"), 10);
  EXPECT_EQ(shown(made)["state"], "bound");
  EXPECT_EQ(shown(made)["podUid"], "u-p");
  EXPECT_EQ(shown(made)["parts"][0]["instanceUuid"], "MIG-3");
  expect_kept();

  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  EXPECT_EQ(shown(made)["state"], "released");
  look(instance(3, start) + held(3, "p"), 60);
  EXPECT_EQ(wanted().size(), 1U) << "the pod has it still";
  look(instance(3, start), 70);
  look(instance(3, start), 99);
  EXPECT_EQ(wanted().size(), 1U);
  look(instance(3, start), 100);
  EXPECT_TRUE(wanted().empty()) << "it has been idle for its grace";
  ASSERT_TRUE(layouts.of("default", "GPU-a"));
  look("", 110);
  look(instance(4, start), 200);
  look(instance(4, start), 300);
  EXPECT_TRUE(layouts.of("default", "GPU-a")->instances.empty());
  expect_kept();
}

TEST_F(AllocationsTest, NothingIsPromisedOnADeviceThatAnAlertExcludes) {
  auto excluded = std::make_shared<fleet::alerts::ExcludedDevices>();
  (*excluded)[{"default", "GPU-a"}] = "alert GPUOverheating fires for it, and excludes it from allocation";
  options.excluded = [&] { return excluded; };
  open();
  const auto refused = ask(body("p"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("alert GPUOverheating fires for it"));
  asked(body("p", R"(,"wait":true)"), 202);
  EXPECT_TRUE(wanted().empty());
  excluded = std::make_shared<fleet::alerts::ExcludedDevices>();
  look("", 10);
  EXPECT_EQ(wanted().size(), 1U) << "who has waited is served";
}

std::string uncut() {
  std::string out(kBoard);
  for (std::size_t at; (at = out.find("DCGM_FI_DEV_MIG_MODE=\"1\"")) != std::string::npos;)
    out.replace(at, std::string_view("DCGM_FI_DEV_MIG_MODE=\"1\"").size(), "DCGM_FI_DEV_MIG_MODE=\"0\"");
  return out;
}

/// A cluster that is watched, with the node of the devices.
struct OnANode : AllocationsTest {
  void publish(const std::function<void(fleet::ClusterNode&)>& change, std::string_view board = kBoard) {
    scrape("", 1, board);
    fleet::ClusterNode node;
    node.name = "w-1";
    change(node);
    auto cluster = std::make_shared<fleet::ClusterView>();
    cluster->watched = cluster->synced = true;
    cluster->cluster = "default";
    cluster->nodes["w-1"] = std::make_shared<const fleet::ClusterNode>(node);
    for (const std::string& pod : here) {
      fleet::ClusterPod known;
      known.space = "ml";
      known.name = pod;
      known.node = "w-1";
      cluster->pods["ml/" + pod] = std::make_shared<const fleet::ClusterPod>(known);
    }
    Published next = *fleet.get();
    next.cluster = cluster;
    fleet.publish(std::move(next));
  }
  std::vector<std::string> here;  ///< pods that the cluster shows on it
};

TEST_F(OnANode, NothingIsPromisedWhereItIsCordoned) {
  publish([](fleet::ClusterNode& node) { node.cordoned = true; });
  const auto refused = ask(body("p"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("it is cordoned"));
  publish([](fleet::ClusterNode& node) { node.taints = {{"nvidia.com/gpu", "", "NoSchedule"}}; });
  EXPECT_EQ(ask(body("p")).status, 201) << "what the pod will tolerate nobody knows yet";
}

TEST_F(OnANode, AWholeDeviceThatIsSharedIsNobodys) {
  constexpr const char* kWhole = R"({"namespace":"ml","podName":"w","useMig":false})";
  const std::string board = uncut();
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "4"; }, board);
  const auto refused = ask(kWhole);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, testing::HasSubstr("it is shared, and the workload")) << "though nobody holds any of it";
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "1"; }, board);
  EXPECT_EQ(ask(kWhole).status, 201);
}

TEST_F(AllocationsTest, MigIsSwitchedOnForAnInstanceWhereThatIsAllowed) {
  std::string board = uncut();
  const std::string_view off = "DCGM_FI_DEV_MIG_MODE=\"0\"";
  board.insert(board.find(off), "compute_capability=\"8.0\",");
  scrape("", 1, board);
  EXPECT_EQ(ask(body("p")).status, 409) << "it is not allowed";
  options.may_switch_on = true;
  open();
  EXPECT_EQ(ask(body("p")).status, 409) << "before Hopper it takes a reset";
  board.replace(board.find("\"8.0\""), 5, "\"9.0\"");
  scrape("", 2, board);
  const Json first = asked(body("p"));
  EXPECT_EQ(first["decision"]["grants"][0]["switchesMigOn"], true);
  EXPECT_EQ(wanted().size(), 1U);
  const Json second = asked(body("q"));
  EXPECT_EQ(second["decision"]["grants"][0]["switchesMigOn"], false) << "it is about to be on";
  EXPECT_EQ(wanted().size(), 2U);
  EXPECT_EQ(ask(R"({"namespace":"ml","podName":"w","useMig":false})").status, 409);
  expect_kept();
}

std::string sharing(const std::string& pod, const std::string& part) {
  return R"({"namespace":"ml","podName":")" + pod + R"(","gpuShare":)" + part + "}";
}

TEST_F(OnANode, ReplicasOfASharedDeviceArePromisedOnceEach) {
  publish(
      [](fleet::ClusterNode& node) {
        node.labels["nvidia.com/gpu.replicas"] = "2";
        node.allocatable["nvidia.com/gpu.shared"] = 2;
      },
      uncut());
  const auto large = ask(sharing("large", "0.6"));
  EXPECT_EQ(large.status, 409);
  EXPECT_THAT(large.body, HasSubstr("a pod has one part: 500 thousandths"));
  const Json first = asked(sharing("a", "0.5")), second = asked(sharing("b", "\"0.25\""));
  EXPECT_EQ(first["ready"], true);
  for (const auto& [one, number] : {std::pair(&first, 0), {&second, 1}}) {
    const Json& part = (*one)["parts"][0];
    EXPECT_EQ(part["resource"], "nvidia.com/gpu.shared");
    EXPECT_EQ(part["replicas"], 2);
    EXPECT_EQ(part["start"], number);
    EXPECT_TRUE(part["profile"].is_null());
  }
  const auto full = ask(sharing("c", "0.1"));
  EXPECT_EQ(full.status, 409);
  EXPECT_THAT(full.body, HasSubstr("none of its 2 replicas is left"));
  EXPECT_EQ(ask(R"({"namespace":"ml","podName":"w","useMig":false})").status, 409);
  expect_kept();
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + first["id"].get<std::string>()).status, 204);
  EXPECT_EQ(asked(sharing("c", "0.1"))["parts"][0]["start"], 0) << "the number that is free again";
  EXPECT_TRUE(wanted().empty()) << "nothing is cut for it";
}

/// Two GPUs of a node that are shared, and who has replicas of them, as the agent tells it.
std::string two_shared(const std::map<std::string, std::pair<unsigned, unsigned>>& held) {
  std::string out;
  for (const char* gpu : {"0", "1"})
    out += fmt::format(
        "tessera_agent_device_up{{gpu=\"{0}\",UUID=\"GPU-{0}\"}} 1\n"
        "gpu_device_info{{gpu=\"{0}\",UUID=\"GPU-{0}\",model=\"Tesla T4\"}} 1\n",
        gpu);
  for (const auto& [pod, has] : held)
    out += fmt::format(
        "gpu_allocation_info{{gpu=\"{0}\",UUID=\"GPU-{0}\",resource=\"nvidia.com/gpu\",share=\"shared\","
        "replicas=\"{1}\",container=\"c\",namespace=\"ml\",pod=\"{2}\"}} 1\n",
        has.first, has.second, pod);
  return out;
}

TEST_F(OnANode, ReplicasThatAPodHoldsWithoutAnAllocationArePromisedToNobody) {
  const auto four = [](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "4"; };
  publish(four, two_shared({{"x", {0, 3}}, {"y", {1, 4}}}));
  asked(sharing("a", "0.25"));
  const auto full = ask(sharing("b", "0.25"));
  EXPECT_EQ(full.status, 409);
  EXPECT_THAT(full.body, HasSubstr("none of its 4 replicas is left"));
  expect_kept();
}

TEST_F(OnANode, AShareIsBoundToTheDeviceThatTheKubeletGaveAndTheNextHasRoomBesideIt) {
  const auto two = [](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "2"; };
  publish(two, two_shared({}));
  const Json first = asked(sharing("a", "0.5"));
  const unsigned other = first["parts"][0]["deviceUuid"] == "GPU-0" ? 1 : 0;
  here = {"a"};
  publish(two, two_shared({{"a", {other, 1}}}));
  allocations->look();
  EXPECT_EQ(shown(first)["state"], "bound");
  EXPECT_EQ(shown(first)["parts"][0]["replicas"], 2);
  for (const char* pod : {"b", "c", "d"}) asked(sharing(pod, "0.5"));
  EXPECT_EQ(ask(sharing("e", "0.5")).status, 409);
  expect_kept();
  open();
  expect_kept();
}

TEST_F(OnANode, AShareIsOfTheNameThatThePodAsksFor) {
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "4"; }, uncut());
  const std::string bound = R"({"namespace":"ml","podName":"a","gpuShare":0.25,"resource":"nvidia.com/gpu.shared"})";
  const auto refused = ask(bound);
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("given as nvidia.com/gpu, and the pod asks for nvidia.com/gpu.shared"));
  EXPECT_EQ(asked(sharing("b", "0.25"))["parts"][0]["resource"], "nvidia.com/gpu");
}

TEST_F(OnANode, ManyAtOnceGetEachReplicaOnce) {
  publish([](fleet::ClusterNode& node) { node.labels["nvidia.com/gpu.replicas"] = "8"; }, uncut());
  std::atomic<int> promised{0};
  {
    std::vector<std::jthread> all;
    for (int i = 0; i < 32; ++i)
      all.emplace_back([&, i] {
        if (ask(sharing("p-" + std::to_string(i), "0.1")).status == 201) ++promised;
      });
  }
  EXPECT_EQ(promised, 8);
  expect_kept();
}

TEST_F(AllocationsTest, WhatWasMadeForOneAndUsedByTheNextIsCleanedUpAfterIt) {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start) + held(3, "p"), 10);
  look(instance(3, start), 40);
  ASSERT_EQ(shown(made)["state"], "ended");
  const Json next = asked(body("q"));
  EXPECT_EQ(next["ready"], true) << "it is the same instance";
  look(instance(3, start) + held(3, "q"), 50);
  constexpr EpochMs kDays = 8 * 24 * 3'600;
  look(instance(3, start) + held(3, "q"), kDays);
  EXPECT_EQ(shown(next)["state"], "bound");
  look(instance(3, start), kDays + 30);
  look(instance(3, start), kDays + 60);
  ASSERT_EQ(shown(next)["state"], "ended");
  look(instance(3, start), kDays + 100);
  EXPECT_TRUE(wanted().empty());
  expect_kept();
}

TEST_F(AllocationsTest, WhatWasMadeForAPromiseThatIsTakenBackIsCleanedUp) {
  const Json made = asked(body("p", R"(,"wait":true)"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start), 5);
  ASSERT_EQ(shown(made)["ready"], true);
  look(instance(3, start) + held(3, "stranger"), 10);
  EXPECT_EQ(shown(made)["state"], "promised") << "of another one by now";
  EXPECT_NE(shown(made)["parts"][0]["start"], start);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  look(instance(3, start), 20);
  look(instance(3, start), 51);
  EXPECT_TRUE(wanted().empty());
  expect_kept();
}

TEST_F(AllocationsTest, WhatIsToBeCleanedUpIsNotForgotten) {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start), 5);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  constexpr EpochMs kDays = 8 * 24 * 3'600;
  look(instance(3, start) + held(3, "stranger"), 10);
  look(instance(3, start) + held(3, "stranger"), kDays);
  EXPECT_EQ(allocations->book()->all().size(), 1U);
  look(instance(3, start), kDays + 10);
  look(instance(3, start), kDays + 50);
  EXPECT_TRUE(wanted().empty());
  look("", kDays + 60);
  look("", kDays + 2 * 3'600);
  EXPECT_TRUE(allocations->book()->all().empty()) << "now it is";
  expect_kept();
}

TEST_F(AllocationsTest, ThePodThatAsksAgainGetsItsOwn) {
  const Json made = asked(body("p"));
  const Json again = asked(body("p"), 200);
  EXPECT_EQ(again["id"], made["id"]);
  EXPECT_EQ(allocations->book()->all().size(), 1U);
  const auto otherwise = ask(body("p", R"(,"priority":3)"));
  EXPECT_EQ(otherwise.status, 409);
  EXPECT_THAT(otherwise.body, HasSubstr("already-allocated"));
  const auto first = send("POST", "/gpu/allocations", body("q"), "", nullptr, "k1");
  const auto second = send("POST", "/gpu/allocations", body("q"), "", nullptr, "k1");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.body, first.body);
}

TEST_F(AllocationsTest, OfAHundredAtOnceAsManyAreServedAsFit) {
  std::atomic<int> served = 0, refused = 0;
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 100; ++i)
      callers.emplace_back([&, i] {
        const auto reply = ask(body("p-" + std::to_string(i)));
        ++(reply.status == 201 ? served : refused);
        if (reply.status != 201) {
          EXPECT_EQ(reply.status, 409) << reply.body;
          EXPECT_THAT(reply.body, HasSubstr("\"refusal\":{"));
        }
      });
  }
  EXPECT_EQ(served, 3);
  EXPECT_EQ(refused, 97);
  std::vector<unsigned> starts;
  for (const store::WantedInstance& one : wanted()) starts.push_back(one.placement.start);
  EXPECT_THAT(starts, UnorderedElementsAre(0, 2, 4));
  expect_kept();
}

TEST_F(AllocationsTest, AServerThatBelievesSomethingElseIsHeldBackByTheDatabase) {
  WantedLayouts other_layouts{0, {}};
  const auto other_access = must(Access::open(must(store::Database::open(url)), {}, "127.0.0.1:0"));
  const auto other =
      must(Allocations::open(fleet, other_access->changes(), other_layouts, events, [] { return true; }, options));
  const Json made = asked(body("p"));  // before the next: a compiler is free in the order of arguments
  ASSERT_EQ(made["parts"][0]["start"], asked(body("p"), 200)["parts"][0]["start"]);
  http::Request request;
  request.method = "POST";
  request.path = "/api/gpu/allocations";
  auto wish = must(parse_allocation_wish(body("q")));
  wish.cluster = "default";
  EXPECT_EQ(other->ask(request, wish).status, 503) << "its book is of before";
  EXPECT_EQ(*other->book(), *allocations->book()) << "it has read what there is";
  EXPECT_EQ(other->ask(request, wish).status, 201);
}

TEST_F(AllocationsTest, WhoWaitsIsServedWhenRoomComes) {
  const Json first = asked(body("p-0"));
  asked(body("p-1"));
  asked(body("p-2"));
  const auto refused = ask(body("p-3"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(Json::parse(refused.body)["refusal"]["misses"].size(), testing::Ge(1U));
  const Json late = asked(body("late", R"(,"wait":true)"), 202);
  EXPECT_EQ(late["state"], "waiting");
  EXPECT_FALSE(late["reason"].get<std::string>().empty());
  const Json urgent = asked(body("urgent", R"(,"wait":true,"priority":10)"), 202);
  look("", 5);
  EXPECT_EQ(shown(urgent)["state"], "waiting");
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + first["id"].get<std::string>()).status, 204);
  allocations->look();
  EXPECT_EQ(shown(urgent)["state"], "promised");
  EXPECT_EQ(shown(late)["state"], "waiting");
  EXPECT_EQ(wanted().size(), 3U);
  expect_kept();
}

struct Reviews : AllocationsTest {
  Foreseen foreseen(const std::string& pod = "new") {
    auto wish = must(parse_allocation_wish(body(pod)));
    wish.cluster = "default";
    return must(allocations->foresee(wish));
  }
};

TEST_F(Reviews, AnswerWhileSomebodyDecides) {
  std::vector<Foreseen> meanwhile;
  options.budgets = [&](const Published&, const AllocationWish&) {  // whoever asks has the stock by then
    std::thread([&] { meanwhile.push_back(foreseen()); }).join();
    return std::vector<BudgetWord>();
  };
  open();
  for (const char* pod : {"p-0", "p-1", "p-2"}) asked(body(pod));
  asked(body("late", R"(,"wait":true)"), 202);
  ASSERT_EQ(meanwhile.size(), 4U);
  for (const Foreseen& one : meanwhile) EXPECT_EQ(one.resource, "nvidia.com/mig-2g.20gb");
  EXPECT_TRUE(meanwhile[2].now);
  EXPECT_FALSE(meanwhile[3].now);
  EXPECT_THAT(meanwhile[3].sentence, HasSubstr("1 device full"));
}

TEST_F(Reviews, SayWhatTheFleetIsNow) {
  std::vector<Json> made;
  for (const char* pod : {"p-0", "p-1", "p-2"}) made.push_back(asked(body(pod, R"(,"leaseSeconds":3600)")));
  EXPECT_FALSE(foreseen().now);
  EXPECT_EQ(foreseen().resource, "nvidia.com/mig-2g.20gb");
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made[0]["id"].get<std::string>()).status, 204);
  EXPECT_TRUE(foreseen().now) << "what is given back is seen";
  asked(body("p-3"));
  EXPECT_FALSE(foreseen().now);
  std::string board(kBoard);
  board.replace(board.find("2g.20gb"), 7, "2g.21gb");
  scrape("", 5, board);
  EXPECT_EQ(foreseen().resource, "nvidia.com/mig-2g.21gb") << "by what its driver offers now";
}

/// Its driver names the 2g otherwise now, so that the engine does not see those that are promised.
TEST_F(AllocationsTest, WhatContradictsAPromiseIsNotPromisedAndHoldsUpNobody) {
  for (const char* pod : {"p-0", "p-1", "p-2"}) asked(body(pod, R"(,"leaseSeconds":3600)"));
  const Json big =
      asked(R"({"namespace":"ml","podName":"big","useMig":true,"requiredMemoryGb":40,"wait":true,"priority":9})", 202);
  const Json whole = asked(R"({"namespace":"ml","podName":"whole","useMig":false,"wait":true})", 202);
  std::string board(kBoard);
  board.replace(board.find("2g.20gb"), 7, "2g.21gb");
  board += R"(tessera_agent_device_up{gpu="1",UUID="GPU-b"} 1
gpu_device_info{gpu="1",UUID="GPU-b",model="NVIDIA A10",DCGM_FI_DEV_MIG_MODE="0"} 1
)";
  scrape("", 5, board);
  allocations->look();
  EXPECT_EQ(shown(big)["state"], "waiting");
  EXPECT_THAT(shown(big)["reason"].get<std::string>(), HasSubstr("is promised to ml/p-"));
  EXPECT_EQ(shown(whole)["state"], "promised");
  expect_kept();
}

TEST_F(AllocationsTest, HoweverManyWaitEachDeviceIsLookedAtOnce) {
  std::vector<Json> made;
  for (const char* pod : {"p-0", "p-1", "p-2"}) made.push_back(asked(body(pod, R"(,"leaseSeconds":3600)")));
  for (int i = 0; i < 30; ++i) asked(body("late-" + std::to_string(i), R"(,"wait":true)"), 202);
  look("", 5);
  const auto devices_in = [&](EpochMs seconds) {
    const std::uint64_t before = allocations->devices_looked_at();
    look("", seconds);
    return allocations->devices_looked_at() - before;
  };
  EXPECT_EQ(devices_in(10), 1U) << "and there is one";
  EXPECT_EQ(devices_in(700), 1U) << "also where room is kept for the first of them";
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made[0]["id"].get<std::string>()).status, 204);
  EXPECT_LE(devices_in(705), 5U) << "again where something is promised, and where it is to be cut";
  std::size_t waiting = 0;
  for (const auto& [id, one] : allocations->book()->all()) waiting += one.state == fleet::AllocationState::Waiting;
  EXPECT_EQ(waiting, 29U);
  expect_kept();
}

TEST_F(AllocationsTest, DecidesByThePolicyThatIsSetOrAsked) {
  const auto policy_of = [&](const std::string& pod, const std::string& more) {
    const Json reply = Json::parse(ask(body(pod, more), "dryRun=true").body);
    return reply["decision"]["policy"].get<std::string>();
  };
  EXPECT_EQ(policy_of("p", ""), "default");
  EXPECT_EQ(policy_of("p", R"(,"policy":"packing")"), "packing");
  const auto reply = ask(body("p", R"(,"policy":"fdg")"));
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("firstfit, packing, bestfit"));
  allocations.reset();
  options.policy = "spread";
  open();
  EXPECT_EQ(policy_of("p", ""), "spread");
  const Json made = asked(body("p"));
  EXPECT_EQ(made["decision"]["policy"], "spread");
  EXPECT_THAT(made["reason"].get<std::string>(), HasSubstr("by the policy spread"));
}

TEST_F(AllocationsTest, ADecisionLooksAtNoDeviceThatHasNotChanged) {
  asked(body("a"));
  const std::uint64_t before = allocations->devices_looked_at();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(body("b"), "dryRun=true").status, 200);
  EXPECT_LE(allocations->devices_looked_at() - before, 1U) << "that on which something was promised, once";
  EXPECT_EQ(ask(body("b", R"(,"policy":"fgd")"), "dryRun=true").status, 200);
  EXPECT_LE(allocations->devices_looked_at() - before, 1U) << "by another policy, too";
}

TEST_F(AllocationsTest, RoomIsKeptForWhoHasWaitedLong) {
  std::vector<Json> made;
  for (const char* pod : {"p-0", "p-1", "p-2"}) made.push_back(asked(body(pod)));
  const Json never = asked(R"({"namespace":"ml","podName":"never","requiredMemoryGb":500,"wait":true})", 202);
  const Json big = asked(R"({"namespace":"ml","podName":"big","useMig":true,"requiredMemoryGb":40,"wait":true})", 202);
  const auto bound = [&](std::initializer_list<unsigned> which) {
    std::string page;
    for (unsigned i = 0; i < 3; ++i) page += instance(i + 3, made[i]["parts"][0]["start"].get<unsigned>());
    for (const unsigned i : which) page += held(i + 3, "p-" + std::to_string(i));
    return page;
  };
  const auto give_back = [&](unsigned i) {
    EXPECT_EQ(send("DELETE", "/gpu/allocations/" + made[i]["id"].get<std::string>()).status, 204);
  };
  look(bound({0, 1, 2}), 5);
  give_back(0);
  look(bound({1, 2}), 20);
  EXPECT_EQ(Json::parse(ask(body("soon"), "dryRun=true").body)["decision"]["grants"].size(), 1U)
      << "until then who comes first has it";
  look(bound({1, 2}), 610);
  const auto refused = ask(body("small"));
  EXPECT_EQ(refused.status, 409) << "it would be in the way of who has waited longer";
  const Json small = asked(body("small", R"(,"wait":true)"), 202);
  EXPECT_EQ(ask(body("urgent", R"(,"priority":5)"), "dryRun=true").status, 200) << "who has priority waits for nobody";
  look(bound({1, 2}), 615);
  EXPECT_EQ(shown(small)["state"], "waiting");
  const unsigned in_the_way = made[1]["parts"][0]["start"] < 4 ? 1 : 2;
  give_back(in_the_way);
  look(bound({3 - in_the_way}), 630);
  EXPECT_EQ(shown(big)["state"], "promised") << "though one that no device could serve stands before it";
  EXPECT_EQ(shown(never)["state"], "waiting");
  expect_kept();
}

/// He could not take it before the budget's next period: nobody is to wait for that.
TEST_F(AllocationsTest, RoomIsKeptForNobodyWhomABudgetBars) {
  allocations.reset();
  options.budgets = [](const Published&, const AllocationWish& wish) {
    BudgetWord word;
    word.kept.budget.enforcement = fleet::budgets::Enforcement::Refuse;
    word.sentence = "there is nothing left";
    return wish.pod == "big" ? std::vector{word} : std::vector<BudgetWord>();
  };
  open();
  const Json big = asked(R"({"namespace":"ml","podName":"big","useMig":true,"requiredMemoryGb":40,"wait":true})", 202);
  look("", 5);
  look("", 610);
  EXPECT_EQ(shown(big)["state"], "waiting");
  for (const char* pod : {"a", "b", "c"}) asked(body(pod));  // all the room that there is
  const Json late = asked(body("late", R"(,"wait":true)"), 202);
  EXPECT_EQ(send("DELETE", "/gpu/allocations/" + allocations->book()->of_pod("default", "ml", "a")->id).status, 204);
  look("", 620);
  EXPECT_EQ(shown(late)["state"], "promised") << "room is kept for nobody";
}

TEST_F(AllocationsTest, ARestartKnowsAllOfIt) {
  const Json made = asked(body("p"));
  asked(body("q"));
  const fleet::AllocationBook before = *allocations->book();
  allocations.reset();
  open();
  EXPECT_EQ(*allocations->book(), before);
  EXPECT_EQ(asked(body("p"), 200)["id"], made["id"]);
}

TEST_F(AllocationsTest, ThePodThatDoesNotComeLosesWhatWasToBeCut) {
  const Json made = asked(body("p", R"(,"leaseSeconds":20)"));
  EXPECT_EQ(wanted().size(), 1U);
  look("", 19);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", 20);
  EXPECT_EQ(shown(made)["state"], "expired");
  EXPECT_TRUE(wanted().empty());
}

/// A day of asking, cutting, coming and going, drawn by a seed, with an agent that cuts at once.
class Day : public AllocationsTest {
 public:
  Day(unsigned seed, bool restarts) : random_(seed), restarts_(restarts) {
    options.cleanup = false;  // how long something has been idle is not kept over a restart
    allocations.reset();
    open();
  }
  void TestBody() override {}

  /// What was decided and became of it, in words.
  std::vector<std::string> live() {
    std::vector<std::string> out;
    for (int step = 1; step <= 60; ++step) {
      const unsigned what = number(4), pod = number(kPods);
      if (restarts_ && step % 7 == 0) {
        const fleet::AllocationBook before = *allocations->book();
        allocations.reset();
        open();
        EXPECT_EQ(*allocations->book(), before) << "what is rebuilt of the store is what was in memory";
      }
      if (what == 0 || what == 1) {
        const unsigned gigabytes = 5 + 15 * number(3);
        const bool waits = number(2) == 0;
        if (asked_ < kMostAsked) out.push_back(ask_for(pod, gigabytes, waits));
      } else if (what == 2) {
        if (const auto* own = allocations->book()->of_pod("default", "ml", name(pod)))
          send("DELETE", "/gpu/allocations/" + own->id);
        here_.erase(pod);
      } else {
        here_.insert(pod);
      }
      look(page(), step * 5);
      for (const auto& [id, one] : by_pod()) out.push_back(id + ": " + one);
    }
    return out;
  }

 private:
  static constexpr unsigned kPods = 5, kMostAsked = 18;  // from twenty on what was asked for counts
  unsigned number(unsigned below) { return static_cast<unsigned>(random_() % below); }
  static std::string name(unsigned pod) { return "p-" + std::to_string(pod); }

  std::string ask_for(unsigned pod, unsigned gigabytes, bool waits) {
    if (allocations->book()->of_pod("default", "ml", name(pod))) return "has one";
    ++asked_;
    const auto reply =
        ask(R"({"namespace":"ml","podName":")" + name(pod) + R"(","useMig":true,"requiredMemoryGb":)" +
            std::to_string(gigabytes) + R"(,"leaseSeconds":100000,"wait":)" + (waits ? "true" : "false") + "}");
    const Json body = Json::parse(reply.body);
    return std::to_string(reply.status) + body.value(reply.status == 409 ? "refusal" : "decision", Json()).dump();
  }
  /// What is wanted stands, and who is here and was promised something has it.
  std::string page() {
    std::string out;
    const auto book = allocations->book();
    for (const store::WantedInstance& one : wanted()) {
      const unsigned gi = 1 + one.placement.start;
      out += instance(gi, one.placement.start, one.profile, one.placement.size);
      for (const unsigned pod : here_)
        if (const auto* own = book->of_pod("default", "ml", name(pod)))
          for (const fleet::PromisedPart& part : own->parts)
            if (part.placement == one.placement) out += held(gi, name(pod));
    }
    return out;
  }
  std::map<std::string, std::string> by_pod() {
    std::map<std::string, std::string> out;
    for (const auto& [id, one] : allocations->book()->all())
      if (!fleet::is_over(one.state))
        out[one.pod] = std::string(fleet::allocation_state_name(one.state)) + " " + store::parts_text(one.parts) + " " +
                       one.why + one.decision;
    return out;
  }

  std::mt19937 random_;
  const bool restarts_;
  unsigned asked_ = 0;
  std::set<unsigned> here_;
};

TEST(AllocationsReplay, TheSameDayHasTheSameDecisionsThoughTheServerIsRestarted) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const auto once = Day(seed, false).live(), again = Day(seed, true).live();
    for (std::size_t i = 0; i < std::min(once.size(), again.size()); ++i)
      ASSERT_EQ(once[i], again[i]) << "seed " << seed << ", line " << i;
    EXPECT_EQ(once.size(), again.size()) << seed;
  }
}

TEST_F(AllocationsTest, ARestartNeitherEndsALeaseNorBeginsItAnew) {
  const Json made = asked(body("p", R"(,"leaseSeconds":600)"));
  ASSERT_EQ(made["expires"], time_json(kStart + 600'000));
  for (const EpochMs restart : {100, 200, 300}) {
    scrape("", restart);
    allocations.reset();
    open();
    look("", restart + 1);
    EXPECT_EQ(shown(made)["expires"], made["expires"]) << "however often";
  }
  scrape("", 5'000);  // nobody was there when it ended
  allocations.reset();
  open();
  look("", 5'001);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", 5'060);
  EXPECT_EQ(shown(made)["state"], "promised") << "its pod may be seen yet";
  look("", 5'061);
  EXPECT_EQ(shown(made)["state"], "expired");
  expect_kept();
}

TEST_F(AllocationsTest, OfADeviceThatMayBeCutOrGivenWholeThePartIsGivenThatIsEnough) {
  options.may_switch_on = true;
  open();
  std::string board = uncut();
  board.insert(board.find("DCGM_FI_DEV_MIG_MODE=\"0\""), "compute_capability=\"9.0\",");
  board += "gpu_device_memory_bytes{gpu=\"0\",UUID=\"GPU-a\"} 85899345920\n";
  scrape("", 1, board);
  // Neither a part nor the whole is asked for by name.
  const Json part = asked(R"({"namespace":"ml","podName":"p","requiredMemoryGb":10})");
  EXPECT_EQ(part["decision"]["grants"][0]["kind"], "placement");
  EXPECT_EQ(part["decision"]["grants"][0]["switchesMigOn"], true);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + part["id"].get<std::string>()).status, 204);
  const Json whole = asked(R"({"namespace":"ml","podName":"q","useMig":false,"requiredMemoryGb":10})");
  EXPECT_EQ(whole["decision"]["grants"][0]["kind"], "device");
  EXPECT_EQ(ask(R"({"namespace":"ml","podName":"r","requiredMemoryGb":10})").status, 409)
      << "nothing is left beside it";
  expect_kept();
}

TEST_F(AllocationsTest, SeveralThatDoNotComeLeaveNothingToBeCut) {
  for (const char* pod : {"p", "q", "r"}) asked(body(pod, R"(,"leaseSeconds":60)"));
  ASSERT_EQ(wanted().size(), 3U);
  look("", 61);
  EXPECT_TRUE(wanted().empty());
  EXPECT_EQ(ask(body("s")).status, 201);
}

/// A server takes over from one whose clock was ahead of its own, or behind it.
struct ClocksApart : AllocationsTest, testing::WithParamInterface<EpochMs> {};
INSTANTIATE_TEST_SUITE_P(By, ClocksApart, testing::Values(0, 3'600));

TEST_P(ClocksApart, NothingExpiresEarlyOrIsPromisedTwice) {
  // The first clock says 1,800; that of the one who takes over the same, or an hour more.
  look("", 1'800);
  const Json made = asked(body("p", R"(,"leaseSeconds":60)"));
  for (const char* other : {"q", "r"}) asked(body(other));
  ASSERT_EQ(ask(body("s")).status, 409) << "three have room";
  const EpochMs own = 1'801 + GetParam();
  scrape("", own);
  allocations.reset();
  open();
  look("", own + 1);
  EXPECT_EQ(shown(made)["state"], "promised") << "by the other clock it has had a moment of its minute";
  EXPECT_EQ(ask(body("s")).status, 409);
  look("", own + 60);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", own + 61);
  EXPECT_EQ(shown(made)["state"], "expired");
  EXPECT_EQ(ask(body("s")).status, 201);
  expect_kept();
}

TEST_F(AllocationsTest, WhatCannotBeCutIsTakenBackAndNotTriedAgainAtOnce) {
  const Json made = asked(body("p", R"(,"wait":true)"));
  const auto generation = layouts.of("default", "GPU-a")->generation;
  layouts.ask("default", "w-1", {{"GPU-a", generation, "failed", "insufficient permissions"}}, Milliseconds(0));
  look("", 5);
  EXPECT_EQ(shown(made)["state"], "waiting");
  EXPECT_TRUE(wanted().empty());
  const auto after = layouts.of("default", "GPU-a")->generation;
  look("", 300);
  EXPECT_THAT(shown(made)["decision"].dump(), HasSubstr("insufficient permissions"));
  EXPECT_EQ(layouts.of("default", "GPU-a")->generation, after) << "nothing new is wanted of it";
  look("", 606);
  EXPECT_EQ(shown(made)["state"], "promised");
}

TEST_F(AllocationsTest, AServerThatFollowsDecidesByWhatTheLeaderHasWanted) {
  WantedLayouts of_follower{0, {}};
  const auto its_access = must(Access::open(must(store::Database::open(url)), {}, "127.0.0.1:0"));
  AllocationOptions following = options;
  following.leads = false;
  following.follow_every = Milliseconds(0);
  const auto follower =
      must(Allocations::open(fleet, its_access->changes(), of_follower, events, [] { return true; }, following));
  auto wish = must(parse_allocation_wish(body("p")));
  wish.cluster = "default";
  EXPECT_TRUE(must(follower->foresee(wish)).now);
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["3g.40gb"])").status, 202);
  EXPECT_FALSE(must(follower->foresee(wish)).now) << "it is being cut as somebody asked";
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig").status, 204);
  EXPECT_TRUE(must(follower->foresee(wish)).now);
}

TEST_F(AllocationsTest, NothingToBeCutIsPromisedWhereNobodyCuts) {
  layouts.prepare("default");
  layouts.leave_uncut({{"w-1", "no layout container of this node asks"}});
  const auto refused = ask(body("p"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr("no layout container of this node asks"));
  EXPECT_TRUE(allocations->foresee([] {
    auto wish = must(parse_allocation_wish(body("p")));
    wish.cluster = "default";
    return wish;
  }()))
      << "somebody may tomorrow";
  look(instance(3, 0), 5);
  EXPECT_EQ(asked(body("p"))["ready"], true) << "what stands is given";
}

TEST_F(AllocationsTest, WhatANodeIsBlockedForIsTakenBack) {
  layouts.prepare("default");
  const Json made = asked(body("p", R"(,"wait":true,"leaseSeconds":3600)"));
  layouts.course("default", "w-1", {false, "waiting", "GPU-a: 1g at 0 is held by a process", kStart, kStart});
  look("", 599);
  EXPECT_EQ(shown(made)["state"], "promised");
  look("", 600);
  EXPECT_EQ(shown(made)["state"], "waiting");
  EXPECT_THAT(shown(made)["decision"].dump(), HasSubstr("held by a process"));
  EXPECT_TRUE(wanted().empty()) << "nor is it cut later";
}

TEST_F(AllocationsTest, ALayoutThatSomebodyWantsKeepsWhatIsPromised) {
  asked(body("p"));
  const auto all = send("POST", "/gpu/devices/GPU-a/mig", R"(["3g.40gb","3g.40gb"])");
  EXPECT_EQ(all.status, 409) << all.body;
  EXPECT_THAT(all.body, HasSubstr("ml/p"));
  const auto beside = send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb"])");
  EXPECT_EQ(beside.status, 202) << beside.body;
  EXPECT_EQ(wanted().size(), 2U);
}

/// Half of what the administrator asked for stands by then.
TEST_F(AllocationsTest, WhatSomebodyHasCutGoesOnThoughSomethingElseGoes) {
  look(instance(3, 0) + held(3, "x") + instance(4, 2), 1);
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb","1g.10gb","1g.10gb"])").status, 202);
  auto to_be = wanted();
  ASSERT_EQ(to_be.size(), 4U);
  const auto small = std::ranges::find(to_be, std::string("1g.10gb"), &store::WantedInstance::profile);
  look(instance(3, 0) + held(3, "x") + instance(5, small->placement.start, "1g.10gb", 1), 5);
  EXPECT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/5").status, 202);
  to_be.erase(small);
  EXPECT_THAT(wanted(), testing::UnorderedElementsAreArray(to_be)) << "the other two come all the same";
}

TEST_F(AllocationsTest, WhatSomebodyHasCutGoesOnThoughAPromiseEnds) {
  const Json made = asked(body("p"));
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb"])").status, 202);
  ASSERT_EQ(wanted().size(), 2U);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  ASSERT_EQ(wanted().size(), 1U);
  EXPECT_EQ(wanted().front().profile, "1g.10gb");
}

TEST_F(AllocationsTest, AWholeDeviceThatIsPromisedIsNotCut) {
  constexpr std::string_view kWhole = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a"} 1
gpu_device_info{gpu="0",UUID="GPU-a",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_profile_info{gpu="0",UUID="GPU-a",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
)";
  scrape("", 1, kWhole);
  const Json made = asked(R"({"namespace":"ml","podName":"p","useMig":false})");
  EXPECT_EQ(made["state"], "promised");
  const auto cut = send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])");
  EXPECT_EQ(cut.status, 409) << cut.body;
  EXPECT_THAT(cut.body, HasSubstr("promised to ml/p"));
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  EXPECT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
}

TEST_F(AllocationsTest, WhereNothingIsToBeCutNoInstanceIsTakenAway) {
  options.may_cut = false;
  open();
  look(instance(3, 0), 1);
  const auto reply = send("DELETE", "/gpu/devices/GPU-a/mig/3");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.body, HasSubstr("gpu.management.mig.enabled"));
  EXPECT_TRUE(wanted().empty());
}

TEST_F(AllocationsTest, WhoWaitsForItsTurnIsDecidedByWhatIsKnownThen) {
  std::atomic<bool> has_come = false;
  on_started = [&] { has_come = true; };
  {
    std::unique_lock lock(layouts.changing());
    const std::jthread caller([&] { asked(body("p")); });
    while (!has_come) std::this_thread::yield();
    scrape("", 60);
    lock.unlock();
  }
  EXPECT_EQ(allocations->book()->all().begin()->second.asked_at, kStart + 60'000);
}

TEST_F(AllocationsTest, WhatWasAskedForSaysWhatRoomIsWorth) {
  fleet::AllocationBook book;
  const auto ask_often = [&](unsigned from, unsigned to) {
    for (unsigned i = from; i < to; ++i) {
      fleet::PodAllocation one;
      one.id = one.pod = "p-" + std::to_string(i);
      one.cluster = "default";
      one.space = "ml";
      one.request = body(one.pod);
      one.state = fleet::AllocationState::Ended;
      ASSERT_TRUE(book.put(one));
    }
  };
  ask_often(0, 19);
  EXPECT_TRUE(demand_of(book).empty()) << "that is too few";
  ask_often(19, 30);
  const auto mix = demand_of(book);
  ASSERT_EQ(mix.size(), 1U) << "whoever asks, it is the same";
  EXPECT_EQ(mix.front().need.memory_mib, 19'074U);
  EXPECT_EQ(mix.front().share, 1);
}

TEST_F(AllocationsTest, ADecisionSaysThatItGoesByWhatIsAskedFor) {
  EXPECT_THAT(ask(body("p"), "dryRun=true").body, HasSubstr("typical requests"));
  allocations.reset();
  const auto database = must(store::Database::open(url));
  ASSERT_TRUE(database->atomically([&]() -> Result<void> {
    for (unsigned i = 0; i < 20; ++i) {
      fleet::PodAllocation one;
      one.id = one.pod = "p-" + std::to_string(i);
      one.cluster = "default";
      one.space = "ml";
      one.request = body(one.pod);
      one.state = fleet::AllocationState::Ended;
      if (auto put = store::put_allocation(*database, one); !put) return put;
    }
    return {};
  }));
  open();
  EXPECT_THAT(ask(body("p"), "dryRun=true").body, HasSubstr("requests like those of late"));
}

TEST_F(AllocationsTest, APreviewChangesNothing) {
  const auto reply = ask(body("p"), "dryRun=true");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_EQ(Json::parse(reply.body)["decision"]["grants"][0]["profile"], "2g.20gb");
  EXPECT_TRUE(allocations->book()->all().empty());
  EXPECT_TRUE(wanted().empty());
  const auto near = ask(R"({"namespace":"ml","podName":"p","useMig":true,"requiredMemory":"20Gi","dryRun":true})");
  EXPECT_EQ(near.status, 200) << near.body;
  EXPECT_EQ(Json::parse(near.body)["decision"]["grants"][0]["profile"], "3g.40gb");
  EXPECT_THAT(Json::parse(near.body)["decision"]["hint"].get<std::string>(),
              AllOf(HasSubstr("20,480"), HasSubstr("2g.20gb")));
}

TEST_F(AllocationsTest, TeamAndProjectAreThoseOfWhoPays) {
  const std::string mine = body("p", R"(,"team":"mine")");
  const Json before = asked(mine);
  EXPECT_EQ(before["team"], "mine") << "where nobody knows better";
  EXPECT_TRUE(before["project"].is_null());
  options.payer = [](const Published&, const AllocationWish& wish) {
    fleet::CostOwner out;
    out.team = wish.space == "ml" ? "vision" : wish.team;
    out.project = "p-1";
    return out;
  };
  open();
  const Json made = shown(before);
  EXPECT_EQ(made["team"], "vision");
  EXPECT_EQ(made["project"], "p-1");
  for (const auto& [query, total] :
       std::map<std::string, int>{{"team=vision", 1}, {"team=mine", 0}, {"project=p-1", 1}, {"project=p-2", 0}})
    EXPECT_EQ(Json::parse(send("GET", "/gpu/allocations", "", query).body)["total"], total) << query;
}

TEST_F(AllocationsTest, AnInstanceThatNobodyHasIsTakenAway) {
  look(instance(3, 0) + instance(4, 2) + held(4, "x"), 1);
  EXPECT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/4").status, 409);
  EXPECT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/9").status, 404);
  EXPECT_EQ(send("DELETE", "/gpu/devices/w-1-GPU-00/mig/MIG-3").status, 202);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"2g.20gb", {2, 2}}));
}

/// Where it is not in the way of anything.
std::string large(const std::string& pod) {
  return R"({"namespace":"ml","podName":")" + pod + R"(","useMig":true,"requiredMemoryGb":35})";
}

TEST_F(AllocationsTest, WhatIsToBeTakenAwayIsNotKeptByTheNextCut) {
  look(instance(3, 0) + instance(4, 2) + held(4, "x"), 1);
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/3").status, 202);
  asked(large("q"));
  EXPECT_THAT(wanted(),
              UnorderedElementsAre(store::WantedInstance{"2g.20gb", {2, 2}}, store::WantedInstance{"3g.40gb", {4, 4}}));
}

TEST_F(AllocationsTest, WhatIsToBeTakenAwayIsNotPromisedAsIfItStood) {
  look(instance(3, 0), 1);
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig/3").status, 202);
  const Json made = asked(body("q"));
  EXPECT_EQ(made["ready"], false);
  EXPECT_EQ(wanted().size(), 1U) << "it is made for this one";
}

TEST_F(AllocationsTest, WhatIsCleanedUpIsNotKeptByTheNextCutAndNotForgottenBeforeItIsGone) {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  const auto is_to_go = [&] { return allocations->book()->find(made["id"].get<std::string>())->parts.at(0).made; };
  look(instance(3, start) + held(3, "p"), 10);
  look(instance(3, start), 40);
  ASSERT_EQ(shown(made)["state"], "ended");
  look(instance(3, start), 80);
  ASSERT_TRUE(wanted().empty());
  EXPECT_TRUE(is_to_go());
  asked(large("q"));
  ASSERT_EQ(wanted().size(), 1U);
  EXPECT_EQ(wanted().front().profile, "3g.40gb");
  look("", 90);
  EXPECT_FALSE(is_to_go());
  expect_kept();
}

TEST_F(AllocationsTest, WhatSomebodyElseHasMadeOfADeviceTakesThePlaceOfWhatWasWantedForAnAllocation) {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start) + held(3, "p"), 10);
  look(instance(3, start), 40);
  ASSERT_EQ(shown(made)["state"], "ended");
  const std::string by_hand = instance(9, 0, "3g.40gb", 4) + held(9, "x");
  look(by_hand, 50);
  EXPECT_THAT(ask(body("q")).body, HasSubstr("changed by somebody else"));
  const auto hands_off = [&] {
    layouts.ask("default", "w-1", {{"GPU-a", layouts.of("default", "GPU-a")->generation, "hands-off", "why"}},
                Milliseconds(0));
  };
  hands_off();
  look(by_hand, 55);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"3g.40gb", {0, 4}}));
  asked(body("q"));
  EXPECT_EQ(wanted().size(), 2U) << "beside it";
  expect_kept();
}

TEST_F(AllocationsTest, WhatSomebodyHasCutTellsHimThatSomebodyElseHasChangedIt) {
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
  const auto own = wanted();
  const unsigned other_half = own.front().placement.start < 4 ? 4 : 0;
  layouts.ask("default", "w-1", {{"GPU-a", layouts.of("default", "GPU-a")->generation, "hands-off", "why"}},
              Milliseconds(0));
  look(instance(9, other_half, "3g.40gb", 4), 5);
  EXPECT_EQ(wanted(), own) << "it is his";
  EXPECT_THAT(ask(body("q")).body, HasSubstr("DELETE /gpu/devices/w-1-GPU-00/mig"));
  ASSERT_EQ(send("DELETE", "/gpu/devices/GPU-a/mig").status, 204);
  asked(body("q"));
}

/// What is made by hand beside an instance in one half of the board: a small one there, and a 3g in the other half.
struct ByHand {
  explicit ByHand(unsigned start) : small(start == 0 ? 2 : start == 2 ? 0 : 6), large(start < 4 ? 4 : 0) {}
  std::string page() const { return instance(8, small, "1g.10gb", 1) + instance(9, large, "3g.40gb", 4); }
  unsigned small, large;
};

TEST_F(AllocationsTest, WhatWasMadeByHandStaysWhenItsNeighbourIsGiven) {
  asked(body("p"));
  const store::WantedInstance own = wanted().front();
  const ByHand hand(own.placement.start);
  look(instance(3, own.placement.start) + held(3, "p") + hand.page(), 10);
  const Json next = asked(large("q"));
  ASSERT_EQ(next["parts"][0]["start"], hand.large) << next;
  EXPECT_THAT(wanted(), UnorderedElementsAre(own, store::WantedInstance{"1g.10gb", {hand.small, 1}},
                                             store::WantedInstance{"3g.40gb", {hand.large, 4}}));
}

struct HandsOff : AllocationsTest {
  /// Its agent says so of what is wanted now, and the server looks.
  void look_at_hands_off(const std::string& page, EpochMs seconds) {
    look(page, seconds);
    layouts.ask("default", "w-1", {{"GPU-a", layouts.of("default", "GPU-a")->generation, "hands-off", "why"}},
                Milliseconds(0));
    look(page, seconds + 1);
    look(page, seconds + 2);
  }
};

TEST_F(HandsOff, WhatWasReadyForAPodThatHasNotComeMakesWayForWhatStands) {
  const Json made = asked(body("p", R"(,"wait":true)"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start), 5);
  ASSERT_EQ(shown(made)["ready"], true);
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_by, "tessera-server");
  const std::string by_hand = instance(8, 0, "3g.40gb", 4);
  look_at_hands_off(by_hand, 10);
  EXPECT_THAT(wanted(), testing::Contains(store::WantedInstance{"3g.40gb", {0, 4}}));
  look(by_hand, 700);
  EXPECT_EQ(shown(made)["state"], "promised") << "he does not wait for ever: " << shown(made);
  expect_kept();
}

TEST_F(HandsOff, WhatWasWantedForAnAllocationThatIsForgottenMakesWayForWhatStands) {
  options.cleanup = false;
  open();
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  look(instance(3, start) + held(3, "p"), 10);
  look(instance(3, start), 40);
  ASSERT_EQ(shown(made)["state"], "ended");
  constexpr EpochMs kDays = 8 * 24 * 3'600;
  look(instance(3, start), kDays);
  ASSERT_TRUE(allocations->book()->all().empty());
  look_at_hands_off(instance(9, 0, "3g.40gb", 4), kDays + 10);
  EXPECT_THAT(wanted(), ElementsAre(store::WantedInstance{"3g.40gb", {0, 4}}));
}

TEST_F(HandsOff, WhatSomebodyAskedForStaysHisThoughTheServerAddsToIt) {
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
  const store::WantedInstance own = wanted().front();
  const auto before = *layouts.of("default", "GPU-a");
  look(instance(3, own.placement.start) + held(3, "x"), 5);
  asked(large("q"));
  ASSERT_EQ(wanted().size(), 2U);
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_by, before.wanted_by);
  EXPECT_EQ(layouts.of("default", "GPU-a")->wanted_since, before.wanted_since);
  const unsigned other = own.placement.start < 4 ? 0 : 4;
  look_at_hands_off(instance(8, other, "3g.40gb", 4), 10);
  EXPECT_THAT(wanted(), ElementsAre(own)) << "his is not given up, and nothing more is to be made beside it";
  EXPECT_THAT(layouts.of("default", "GPU-a")->planned_from,
              testing::Not(testing::Contains(store::WantedInstance{"3g.40gb", {other, 4}})))
      << "nor is what was made by hand taken away for it";
}

TEST_F(AllocationsTest, WhatSomebodyHasAskedForIsNotCleanedUp) {
  const Json made = asked(body("p"));
  const unsigned start = wanted().front().placement.start;
  const auto is_to_go = [&] { return allocations->book()->find(made["id"].get<std::string>())->parts.at(0).made; };
  look(instance(3, start) + held(3, "p"), 10);
  look(instance(3, start), 40);
  ASSERT_EQ(shown(made)["state"], "ended");
  ASSERT_TRUE(is_to_go());
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb","1g.10gb"])").status, 202);
  const auto all = wanted();
  ASSERT_THAT(all, testing::Contains(store::WantedInstance{"2g.20gb", {start, 2}}));
  look(instance(3, start), 45);
  EXPECT_FALSE(is_to_go());
  for (const EpochMs later : {80, 200}) look(instance(3, start), later);
  EXPECT_EQ(wanted(), all);
  expect_kept();
}

TEST_F(AllocationsTest, WhatIsAddedToWhatSomebodyHasAskedForIsCleanedUp) {
  ASSERT_EQ(send("POST", "/gpu/devices/GPU-a/mig", R"(["2g.20gb"])").status, 202);
  const store::WantedInstance own = wanted().front();
  const std::string page = instance(3, own.placement.start) + held(3, "x");
  look(page, 5);
  const Json made = asked(large("q"));
  const unsigned start = made["parts"][0]["start"].get<unsigned>();
  const std::string with = page + instance(9, start, "3g.40gb", 4);
  look(with, 10);
  ASSERT_EQ(send("DELETE", "/gpu/allocations/" + made["id"].get<std::string>()).status, 204);
  look(with, 20);
  look(with, 60);
  EXPECT_THAT(wanted(), ElementsAre(own));
}

TEST_F(AllocationsTest, WhereNothingIsToBeCutNobodyIsMissedWhoWouldCut) {
  clock += kAsksWithin + Milliseconds(1);
  options.may_cut = false;
  open();
  look("", 1);
  EXPECT_EQ(layouts.why_uncut("default", "w-1"), "");
  options.may_cut = true;
  open();
  look("", 2);
  EXPECT_THAT(layouts.why_uncut("default", "w-1"), HasSubstr("layout container"));
}

TEST_F(AllocationsTest, WhoHoldsAllOfADeviceIsToldWhereNobodyCuts) {
  clock += kAsksWithin + Milliseconds(1);
  look(instance(3, 0) + held(3, "x") + instance(4, 2) + held(4, "y") + instance(5, 4) + held(5, "z"), 1);
  const std::string small = R"({"namespace":"ml","podName":"p","useMig":true,"requiredMemoryGb":9})";
  EXPECT_THAT(ask(small).body,
              AllOf(HasSubstr("ml/x"), HasSubstr("ml/z"), testing::Not(HasSubstr("layout container"))));
  look(instance(3, 0) + held(3, "x"), 2);
  EXPECT_THAT(ask(small).body, HasSubstr("layout container")) << "of what is free";
}

TEST_F(AllocationsTest, WhoIsRestrictedAsksAndSeesHisOwn) {
  auto viewer = std::make_shared<Viewer>();
  viewer->caller = viewer->actor = "key:b bob";
  viewer->spaces = {"other"};
  const Json made = asked(body("p"));
  const std::string own = "/gpu/allocations/" + made["id"].get<std::string>();
  EXPECT_EQ(send("POST", "/gpu/allocations", body("q"), "", viewer).status, 403);
  EXPECT_EQ(send("GET", own, "", "", viewer).status, 404);
  EXPECT_EQ(send("DELETE", own, "", "", viewer).status, 404);
  EXPECT_EQ(Json::parse(send("GET", "/gpu/allocations", "", "", viewer).body)["total"], 0);
  EXPECT_EQ(Json::parse(send("GET", "/gpu/allocations").body)["total"], 1);
  EXPECT_EQ(Json::parse(send("GET", "/gpu/allocations", "", "state=bound").body)["total"], 0);
  EXPECT_EQ(promised_count(*allocations->book(), *fleet.get()->view, std::nullopt, everybody()), 1U);
  EXPECT_EQ(promised_count(*allocations->book(), *fleet.get()->view, std::nullopt, *viewer), 0U);
}

}  // namespace
}  // namespace tessera::server
