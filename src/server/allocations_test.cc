// Who asks, who is served, and who waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "server/allocations_fixture.h"
#include "server/api_allocations.h"
#include "store/allocations.h"

namespace tessera::server {
namespace {
using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

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

/// Two devices that are not cut.
std::string two_whole(const std::string& node) {
  std::string out;
  for (const std::string& gpu : {"0", "1"}) {
    const std::string of = "gpu=\"" + gpu + "\",UUID=\"GPU-" + node + "-" + gpu + "\"";
    out += "tessera_agent_device_up{" + of + "} 1\ngpu_device_info{" + of +
           ",model=\"NVIDIA H100 80GB HBM3\",DCGM_FI_DEV_MIG_MODE=\"0\"} 1\n";
  }
  return out;
}

TEST_F(AllocationsTest, WhatOneIsPromisedInALookIsNotThereForTheNextOne) {
  options.policy = "packing";
  open();
  fleet::ClusterView cluster;
  cluster.cluster = "default";
  cluster.watched = cluster.synced = true;
  for (const char* name : {"a", "b"}) {
    asked(std::string(R"({"namespace":"ml","podName":")") + name + R"(","useMig":false,"wait":true})", 202);
    fleet::ClusterPod pod;
    pod.space = "ml";
    pod.name = name;
    pod.cpu_request_cores = 40;
    pod.memory_request_bytes = 1e9;
    cluster.pods[fleet::pod_key(pod.space, pod.name)] = std::make_shared<const fleet::ClusterPod>(pod);
  }
  for (const char* name : {"w-1", "w-2", "w-3"}) {
    fleet::ClusterNode node;
    node.name = name;
    node.allocatable_cpu_cores = 64;
    node.allocatable_memory_bytes = 256e9;
    cluster.nodes[name] = std::make_shared<const fleet::ClusterNode>(node);
    if (node.name != "w-1")
      told.scrape(kStart + 5'000, "node=\"" + node.name + "\",job=\"agent\"", two_whole(node.name));
  }
  told.fleet.advance(kStart + 5'000);
  Published next;
  next.view = told.fleet.publish(kStart + 5'000);
  next.cluster = std::make_shared<const fleet::ClusterView>(cluster);
  fleet.publish(std::move(next));
  allocations->look();
  std::vector<std::string> nodes;
  for (const auto& [id, one] : allocations->book()->all())
    for (const fleet::PromisedPart& part : one.parts) nodes.push_back(part.node);
  EXPECT_THAT(nodes, UnorderedElementsAre("w-2", "w-3")) << "40 of 64 cores are asked for by each";
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
