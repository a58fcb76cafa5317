#include "server/api_plans.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/access/access.h"
#include "server/api_allocations.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr EpochMs kStart = 1'800'000'000'000;

std::string board(const std::string& gpu) {
  const std::string of = "gpu=\"" + gpu + "\",UUID=\"GPU-" + gpu + "\"";
  return "tessera_agent_device_up{" + of + "} 1\ngpu_device_info{" + of +
         ",model=\"NVIDIA H100 80GB HBM3\",DCGM_FI_DEV_MIG_MODE=\"1\"} 1\ngpu_profile_info{" + of +
         ",profile=\"3g.40gb\",profile_id=\"9\",compute_slices=\"3\",sm_count=\"60\",memory_mib=\"40448\","
         "max_instances=\"2\",placements=\"0:4,4:4\"} 1\ngpu_profile_info{" +
         of +
         ",profile=\"1g.10gb\",profile_id=\"19\",compute_slices=\"1\",sm_count=\"16\",memory_mib=\"9984\","
         "max_instances=\"7\",placements=\"0:1,1:1,2:1,3:1,4:1,5:1,6:1\"} 1\n";
}
/// A 1g that a pod of the namespace ml holds.
std::string held(const std::string& gpu, unsigned gi, unsigned start, const std::string& pod) {
  const std::string of =
      "gpu=\"" + gpu + "\",UUID=\"GPU-" + gpu + "\",GPU_I_ID=\"" + std::to_string(gi) + "\",GPU_CI_ID=\"0\"";
  return "gpu_instance_info{" + of + ",GPU_I_PROFILE=\"1g.10gb\",mig_uuid=\"MIG-" + gpu + std::to_string(gi) +
         "\",start=\"" + std::to_string(start) + "\",size=\"1\"} 1\ngpu_allocation_info{" + of +
         ",resource=\"nvidia.com/mig-1g.10gb\",share=\"exclusive\",container=\"c\",namespace=\"ml\",pod=\"" + pod +
         "\",pod_uid=\"u-" + pod + "\"} 1\n";
}

std::shared_ptr<const fleet::ClusterPod> pod_that_may_move(const std::string& name) {
  auto out = std::make_shared<fleet::ClusterPod>();
  out->space = "ml";
  out->name = name;
  out->labels["tessera.dev/may-move"] = "true";
  return out;
}

/// Two boards, on each of which two 1g are in the way of both 3g.
struct PlansTest : testing::Test {
  PlansTest() { look({}); }

  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return *std::move(result);
  }

  using Change = std::function<void(fleet::ClusterNode&)>;

  void look(const std::vector<std::string>& may_move, const Change& change = {}) {
    told.scrape(kStart, R"(node="w-1",job="agent")",
                board("0") + board("1") + held("0", 3, 1, "a") + held("0", 4, 5, "b") + held("1", 3, 0, "c") +
                    held("1", 4, 4, "d"));
    told.fleet.advance(kStart);
    Published next;
    next.view = told.fleet.publish(kStart);
    fleet::ClusterView cluster;
    cluster.cluster = "default";
    for (const std::string& name : may_move) cluster.pods["ml/" + name] = pod_that_may_move(name);
    cluster.watched = cluster.synced = true;
    fleet::ClusterNode node;
    node.name = "w-1";
    if (change) change(node);
    cluster.nodes["w-1"] = std::make_shared<const fleet::ClusterNode>(std::move(node));
    next.cluster = std::make_shared<const fleet::ClusterView>(std::move(cluster));
    fleet.publish(std::move(next));
  }

  Json send(const std::string& method, const std::string& path, const std::string& query, const std::string& body,
            int status) {
    http::Request request;
    request.method = method;
    request.path = "/api" + path;
    request.query = query;
    request.body = body;
    request.headers = {{"Content-Type", "application/json"}};
    const auto reply = std::get<http::Router::Match>(router->find(method, request.path)).route->handle(request);
    EXPECT_EQ(reply.status, status) << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  Json get(const std::string& path, const std::string& query = "", int status = 200) {
    return send("GET", path, query, "", status);
  }
  /// For a 3g, for which there is no room.
  std::string wait(const std::string& pod, const std::string& more = "") {
    return send("POST", "/gpu/allocations", "",
                R"({"namespace":"ml","podName":")" + pod + R"(","useMig":true,"requiredMemoryGb":40,"wait":true)" +
                    more + "}",
                202)
        .value("id", "");
  }
  std::vector<http::Route> all_routes() {
    auto out = allocation_routes(fleet, *allocations, {}, "/api");
    for (http::Route& one : plan_routes(fleet, *allocations, "/api")) out.push_back(std::move(one));
    return out;
  }

  fleet::ToldPages told;
  Latest<Published> fleet;
  TempDir folder;
  std::unique_ptr<Access> access =
      must(Access::open(must(store::Database::open("sqlite:" + (folder.path() / "t.db").string())), {}, "127.0.0.1:0"));
  WantedLayouts layouts{0, {}};
  Events events{fleet, [] { return false; }};
  std::unique_ptr<Allocations> allocations =
      must(Allocations::open(fleet, access->changes(), layouts, events, [] { return true; }, {.look_every = {}}));
  std::unique_ptr<http::Router> router = std::make_unique<http::Router>(must(http::Router::build(all_routes())));
};

/// Nothing overlaps.
void expect_apart(const Json& places) {
  for (std::size_t i = 0; i + 1 < places.size(); ++i)
    EXPECT_LE(places[i]["start"].get<int>() + places[i]["size"].get<int>(), places[i + 1]["start"].get<int>())
        << places.dump();
}

TEST_F(PlansTest, AMoveLetsInWhoWaits) {
  const std::string id = wait("big");
  const Json none = get("/gpu/defragmentation");
  EXPECT_EQ(none["movable"], 0);
  for (const char* known : {"moves", "slicesMoved", "slicesLetIn"})
    EXPECT_TRUE(none["waiting"][0][known].is_null()) << known;
  EXPECT_THAT(none["waiting"][0]["sentence"].get<std::string>(), HasSubstr("tessera.dev/may-move=true"));

  look({"a"});
  const Json plan = get("/gpu/defragmentation");
  EXPECT_EQ(plan["movable"], 1);
  const Json& way = plan["waiting"][0];
  EXPECT_EQ(way["allocationId"], id);
  ASSERT_EQ(way["moves"].size(), 1U) << way.dump(2);
  EXPECT_EQ(way["moves"][0]["holder"], "ml/a");
  EXPECT_EQ(way["moves"][0]["start"], 1);
  EXPECT_EQ(way["grant"]["profile"], "3g.40gb");
  EXPECT_EQ(way["grant"]["start"], 0);
  EXPECT_EQ(way["slicesMoved"], 1);
  EXPECT_EQ(way["slicesLetIn"], 4);
  bool is_in = false;
  for (const Json& device : way["devices"]) {
    expect_apart(device["before"]);
    expect_apart(device["after"]);
    for (const Json& place : device["after"]) is_in |= place["holder"] == "ml/big" && place["size"] == 4;
  }
  EXPECT_TRUE(is_in) << way.dump(2);
}

/// What the moves of a plan make of its devices, by the plan's own words alone: of each, what stands by start. Each is
/// legal when it is made.
std::map<std::string, std::map<unsigned, Json>> carried_out(const Json& devices, const Json& moves) {
  std::map<std::string, std::map<unsigned, Json>> out;
  for (const Json& device : devices) {
    auto& on = out[device["deviceId"]];
    for (const Json& place : device["before"]) on[place["start"].get<unsigned>()] = place;
  }
  const auto take = [&](const Json& grant, const Json& holder) {
    auto& on = out[grant["deviceId"]];
    const auto start = grant["start"].get<unsigned>(), end = start + grant["size"].get<unsigned>();
    std::erase_if(on, [&](const auto& one) {
      const bool is_in_the_way = one.first < end && start < one.first + one.second["size"].template get<unsigned>();
      if (is_in_the_way) EXPECT_TRUE(one.second["holder"].is_null()) << one.second << " is in the way of " << grant;
      return is_in_the_way;
    });
    on[start] = {{"profile", grant["profile"]}, {"start", start}, {"size", grant["size"]}, {"holder", holder}};
  };
  for (const Json& move : moves) {
    auto& from = out[move["fromDeviceId"]];
    const auto left = from.find(move["start"].get<unsigned>());
    if (left == from.end() || left->second["holder"] != move["holder"]) {
      ADD_FAILURE() << "nobody is there who could move: " << move;
      continue;
    }
    take(move["to"], move["holder"]);
    from.erase(move["start"].get<unsigned>());
  }
  return out;
}

void expect_replayed(const Json& devices, const Json& moves, const Json& grant, const std::string& holder) {
  auto after = carried_out(devices, moves);
  if (!grant.is_null()) {
    auto& on = after[grant["deviceId"]];
    const auto start = grant["start"].get<unsigned>();
    EXPECT_FALSE(on.contains(start)) << "its place is free by then";
    on[start] = {{"profile", grant["profile"]}, {"start", start}, {"size", grant["size"]}, {"holder", holder}};
  }
  for (const Json& device : devices) {
    Json stands = Json::array();
    for (const auto& [start, place] : after[device["deviceId"]]) stands.push_back(place);
    EXPECT_EQ(stands, device["after"]) << device.dump(2);
    expect_apart(device["after"]);
  }
}

TEST_F(PlansTest, TheStepsOfAPlanLeadFromWhatIsToWhatItPromises) {
  wait("big");
  look({"a", "b", "c"});
  for (const char* most : {"mostMoves=1", "mostMoves=2", "mostMoves=4"}) {
    const Json plan = get("/gpu/defragmentation", most);
    const Json& way = plan["waiting"][0];
    ASSERT_FALSE(way["moves"].is_null()) << most;
    expect_replayed(way["devices"], way["moves"], way["grant"], "ml/big");
    const Json& freed = plan["consolidation"];
    expect_replayed(freed["devices"], freed["moves"], nullptr, "");
    for (const Json& device : freed["devices"]) {
      const bool is_freed = std::ranges::count(freed["freedDevices"], device["deviceId"]) > 0;
      EXPECT_TRUE(!is_freed || device["after"].empty());
    }
  }
}

TEST_F(PlansTest, WholeDevicesAreFreedWithinTheBudget) {
  look({"a", "b"});
  const Json plan = get("/gpu/defragmentation")["consolidation"];
  EXPECT_THAT(plan["freedDevices"], ElementsAre("w-1-GPU-00"));
  EXPECT_EQ(plan["moves"].size(), 2U);
  for (const Json& device : plan["devices"]) {
    expect_apart(device["after"]);
    EXPECT_EQ(device["after"].size(), device["deviceId"] == "w-1-GPU-00" ? 0U : 4U) << device.dump(2);
  }
  EXPECT_EQ(plan["slicesMoved"], 2);
  EXPECT_EQ(plan["slicesFreed"], 8) << "of the device, also those that nobody had";
  EXPECT_TRUE(plan["pricePerHourFreed"].is_null()) << "nobody has told its price";
  const Json none = get("/gpu/defragmentation", "mostMoves=1")["consolidation"];
  EXPECT_THAT(none["freedDevices"], IsEmpty());
  EXPECT_EQ(none["slicesFreed"], 0);
  allocations = must(Allocations::open(fleet, access->changes(), layouts, events, [] { return true; },
                                       {.prices = {{"H100_80GB", 4'500'000}}, .look_every = {}}));
  router = std::make_unique<http::Router>(must(http::Router::build(all_routes())));
  EXPECT_EQ(get("/gpu/defragmentation")["consolidation"]["pricePerHourFreed"], "4.50");
}

TEST_F(PlansTest, AnAllocationMayBeAskedSoThatItMayMove) {
  send("POST", "/gpu/allocations", "",
       R"({"namespace":"ml","podName":"a","useMig":true,"requiredMemoryGb":5,"mayMove":true})", 201);
  EXPECT_EQ(get("/gpu/defragmentation")["movable"], 1);
}

TEST_F(PlansTest, MoreDevicesServeWhoWaits) {
  const std::string first = wait("big-0"), second = wait("big-1"), third = wait("big-2");
  wait("elsewhere", R"(,"nodeName":"w-9")");
  const Json same = get("/gpu/what-if");
  EXPECT_EQ(same["waiting"], 4);
  EXPECT_EQ(same["boundToNode"], 1);
  EXPECT_EQ(same["now"], same["then"]);
  EXPECT_THAT(same["now"]["served"], IsEmpty());
  const Json more = get("/gpu/what-if", "add=1xH100_80GB");
  EXPECT_THAT(more["then"]["served"], SizeIs(2)) << "one board has room for two";
  EXPECT_EQ(more["then"]["emptyDevices"], 0);
  EXPECT_THAT(get("/gpu/what-if", "add=1xH100_80GB&add=1xH100")["then"]["served"],
              UnorderedElementsAre(first, second, third));
  EXPECT_THAT(get("/gpu/what-if", "add=2xH100&cut=H100_80GB:1g.10gb")["then"]["served"],
              UnorderedElementsAre(first, second, third))
      << "what is added is not cut";
}

TEST_F(PlansTest, ARefusalNamesTheMoveThatLetsIn) {
  const auto ask = [&] {
    return send("POST", "/gpu/allocations", "",
                R"({"namespace":"ml","podName":"big","useMig":true,"requiredMemoryGb":40})",
                409)["refusal"]["remedies"];
  };
  EXPECT_EQ(ask().dump().find("\"move\""), std::string::npos) << "nothing may move";
  look({"a"});
  const Json remedies = ask();
  const auto move = std::ranges::find(remedies, "move", [](const Json& one) { return one["kind"]; });
  ASSERT_NE(move, remedies.end()) << remedies.dump(2);
  ASSERT_EQ((*move)["moves"].size(), 1U);
  EXPECT_EQ((*move)["moves"][0]["holder"], "ml/a");
  EXPECT_EQ((*move)["moves"][0]["fromDeviceId"], "w-1-GPU-00");
  EXPECT_THAT((*move)["sentence"].get<std::string>(), HasSubstr("there is room for a 3g.40gb"));
  wait("waits");
  allocations->look();
  EXPECT_THAT(get("/gpu/allocations", "podName=waits")["items"][0]["decision"]["remedies"].dump(), HasSubstr("ml/a"));
}

TEST_F(PlansTest, MovesAndFleetsThatAreNotThereAreForPodsThatMayGoThere) {
  const std::string id = wait("big");
  look({"a"}, [](fleet::ClusterNode& node) { node.cordoned = true; });
  EXPECT_TRUE(get("/gpu/defragmentation")["waiting"][0]["moves"].is_null()) << "the node takes nobody";
  EXPECT_THAT(get("/gpu/what-if", "add=1xH100")["then"]["served"], ElementsAre(id)) << "a new node is not cordoned";

  look({"a"}, [](fleet::ClusterNode& node) { node.taints = {{"nvidia.com/gpu", "", "NoSchedule"}}; });
  EXPECT_TRUE(get("/gpu/defragmentation")["waiting"][0]["moves"].is_null()) << "a does not tolerate its taint any more";
  look({"a"}, {});
  EXPECT_EQ(get("/gpu/defragmentation")["waiting"][0]["moves"].size(), 1U);
}

TEST_F(PlansTest, WhatIsNotADriversWordIsSaid) {
  const std::string id = wait("big");
  EXPECT_THAT(get("/gpu/what-if", "add=1xH100")["assumed"], IsEmpty());
  const Json more = get("/gpu/what-if", "add=1xA100_80GB");
  EXPECT_THAT(more["assumed"].dump(), HasSubstr("geometry is assumed as published"));
  EXPECT_THAT(more["then"]["served"], ElementsAre(id));
}

TEST_F(PlansTest, AnotherFleetIsDecidedAboutByTheServersPolicyOrTheOneThatIsNamed) {
  wait("big-0");
  wait("big-1");
  const auto empty = [&](const std::string& query, const char* policy) {
    const Json told = get("/gpu/what-if", "add=2xH100" + query);
    EXPECT_EQ(told["policy"], policy);
    return told["then"]["emptyDevices"].get<int>();
  };
  EXPECT_EQ(empty("&policy=packing", "packing"), 1) << "one board has room for both";
  EXPECT_EQ(empty("&policy=spread", "spread"), 0);
  empty("", "default");
  allocations = must(Allocations::open(fleet, access->changes(), layouts, events, [] { return true; },
                                       {.policy = "spread", .look_every = {}}));
  router = std::make_unique<http::Router>(must(http::Router::build(all_routes())));
  EXPECT_EQ(empty("", "spread"), 0);
}

TEST_F(PlansTest, SaysWhatIsWrongWithAQuestion) {
  const std::pair<const char*, const char*> rows[] = {{"add=4", "such as 4xH100_80GB"},
                                                      {"add=0xH100", "such as 4xH100_80GB"},
                                                      {"add=99999xH100", "at most 10000"},
                                                      {"add=2xB200", "no device of model 'B200'"},
                                                      {"add=2xB200", "could be assumed, is of A100_40GB"},
                                                      {"add=1xA100", "A100_40GB or A100_80GB"},
                                                      {"policy=fdg", "there are firstfit, packing"},
                                                      {"cut=H100", "such as A100_80GB:2g.20gb"},
                                                      {"cut=H100:9g.90gb", "offers the profile '9g.90gb'"}};
  for (const auto& [query, what] : rows)
    EXPECT_THAT(get("/gpu/what-if", query, 400)["detail"].get<std::string>(), HasSubstr(what)) << query;
  get("/gpu/defragmentation", "mostMoves=101", 400);
  get("/gpu/what-if", "cluster=other", 409);
}

}  // namespace
}  // namespace tessera::server
