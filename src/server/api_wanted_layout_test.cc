#include "server/api_wanted_layout.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/api_json.h"

namespace tessera::server {
namespace {
using testing::AllOf;
using testing::HasSubstr;

constexpr EpochMs kStart = 1'800'000'000'000;

/// A board that holds a 2g at 0, which a pod has, and an idle 1g at 2; one without MIG that works; one that is ill.
constexpr std::string_view kPage = R"(
tessera_agent_device_up{gpu="0",UUID="GPU-a0"} 1
tessera_agent_device_up{gpu="1",UUID="GPU-a1"} 1
tessera_agent_device_up{gpu="2",UUID="GPU-a2"} 0
gpu_device_info{gpu="0",UUID="GPU-a0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_device_info{gpu="1",UUID="GPU-a1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_device_info{gpu="2",UUID="GPU-a2",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_profile_info{gpu="0",UUID="GPU-a0",profile="1g.10gb",profile_id="19",compute_slices="1",sm_count="16",memory_mib="9984",max_instances="7",placements="0:1,1:1,2:1,3:1,4:1,5:1,6:1"} 1
gpu_profile_info{gpu="1",UUID="GPU-a1",profile="3g.40gb",profile_id="9",compute_slices="3",sm_count="60",memory_mib="40448",max_instances="2",placements="0:4,4:4"} 1
gpu_profile_info{gpu="1",UUID="GPU-a1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_profile_info{gpu="1",UUID="GPU-a1",profile="1g.10gb",profile_id="19",compute_slices="1",sm_count="16",memory_mib="9984",max_instances="7",placements="0:1,1:1,2:1,3:1,4:1,5:1,6:1"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-3",start="0",size="2"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-9",start="2",size="1"} 1
gpu_process_info{gpu="0",UUID="GPU-a0",pid="4205",command="python3",type="C",status="active",attribution="host",pod="unknown",namespace="",container=""} 1
gpu_process_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",pid="5301",command="python3",type="C",status="active",attribution="pod",pod="llm-0",namespace="serving",container="vllm",pod_uid="u1"} 1
)";

struct WantedLayoutRoutes : testing::Test {
  WantedLayoutRoutes() {
    told.scrape(kStart, R"(node="w-1",job="agent")", std::string(kPage));
    told.fleet.advance(kStart + 20'000);
    Published next;
    next.view = told.fleet.publish(kStart + 20'000);
    fleet.publish(std::move(next));
  }

  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return *std::move(result);
  }

  http::Response ask(const std::string& method, const std::string& path, const std::string& body = "",
                     const std::string& query = "", const std::shared_ptr<const Viewer>& viewer = nullptr,
                     const std::vector<std::pair<std::string, std::string>>& more = {}) {
    http::Request request;
    request.method = method;
    request.path = "/api" + path;
    request.query = query;
    request.body = body;
    request.headers = {{"Content-Type", "application/json"}};
    request.headers.insert(request.headers.end(), more.begin(), more.end());
    if (viewer) request.caller = std::make_shared<const Caller>(Caller{viewer, {}});
    auto match = std::get<http::Router::Match>(router->find(method, request.path));
    request.params = match.params;
    return match.route->handle(request);
  }
  http::Response want(const std::string& body, const std::string& query = "", const std::string& device = "GPU-a1") {
    return ask("POST", "/gpu/devices/" + device + "/mig", body, query);
  }
  Json shown() { return Json::parse(ask("GET", "/gpu/devices/GPU-a1/mig").body); }

  fleet::ToldPages told;
  Latest<Published> fleet;
  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<Access> access = must(Access::open(must(store::Database::open(url)), {}, "127.0.0.1:0"));
  WantedLayouts layouts{0, {}};
  std::function<void()> on_planned;  ///< under the lock that wishes are made under, before one is
  std::unique_ptr<http::Router> router = std::make_unique<http::Router>(must(http::Router::build(wanted_layout_routes(
      fleet, *access, layouts,
      [this] {
        if (on_planned) on_planned();
        return std::make_shared<const fleet::AllocationBook>();
      },
      true, "/api"))));
};

TEST_F(WantedLayoutRoutes, PlanKeepsWhatIsHeldAndChangesNothing) {
  for (const auto& reply : {want(R"(["H100_2G20GB","H100_3G40GB"])", "dryRun=true"),
                            want(R"({"profiles":["2g.20gb","3g.40gb"],"dryRun":true})")}) {
    ASSERT_EQ(reply.status, 200) << reply.body;
    const Json plan = Json::parse(reply.body);
    EXPECT_EQ(plan["to"],
              Json::parse(R"([{"profile":"2g.20gb","start":0,"size":2},{"profile":"3g.40gb","start":4,"size":4}])"));
    EXPECT_EQ(plan["steps"], Json::parse(R"([{"action":"destroy","profile":"1g.10gb","start":2,"size":1},
                                             {"action":"create","profile":"3g.40gb","start":4,"size":4}])"));
    EXPECT_TRUE(plan["generation"].is_null());
  }
  EXPECT_TRUE(shown()["wanted"].is_null());
}

TEST_F(WantedLayoutRoutes, AWishIsKeptToldReportedAndTakenBack) {
  const auto reply = want(R"(["H100_2G20GB","H100_3G40GB"])");
  ASSERT_EQ(reply.status, 202) << reply.body;
  const auto generation = Json::parse(reply.body)["generation"].get<std::int64_t>();
  EXPECT_EQ(shown()["wanted"]["generation"], generation);
  EXPECT_TRUE(shown()["reported"].is_null());
  EXPECT_EQ(must(store::wanted_layouts(*must(store::Database::open(url)))).size(), 1U) << "a restart knows it";

  const std::string idle = R"({"devices":[]})";
  const Json document = Json::parse(ask("POST", "/nodes/w-1/layout", idle, "wait=30s").body);
  EXPECT_EQ(document["devices"][0]["uuid"], "GPU-a1");
  EXPECT_EQ(document["generation"], generation);
  const std::string report = R"({"devices":[{"uuid":"GPU-a1","report":{"generation":)" + std::to_string(generation) +
                             R"(,"state":"waiting","reason":"1g.10gb at 2 is in use","steps":[]}}]})";
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", report).status, 200);
  EXPECT_EQ(shown()["reported"]["state"], "waiting");
  EXPECT_EQ(shown()["reported"]["reason"], "1g.10gb at 2 is in use");

  EXPECT_EQ(ask("DELETE", "/gpu/devices/GPU-a1/mig").status, 204);
  EXPECT_TRUE(shown()["wanted"].is_null());
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", idle).body, "");
  EXPECT_EQ(ask("DELETE", "/gpu/devices/GPU-a1/mig").status, 404);
}

/// As agents ask between two steps, and tell their last word.
TEST_F(WantedLayoutRoutes, AQuestionThatDoesNotWaitIsHeardAndAnswered) {
  ASSERT_EQ(want(R"(["H100_2G20GB","H100_3G40GB"])").status, 202);
  const std::string generation = std::to_string(layouts.of("default", "GPU-a1")->generation);
  const std::string report =
      R"({"devices":[{"uuid":"GPU-a1","report":{"generation":)" + generation + R"(,"state":"working","steps":[]}}]})";
  const auto reply = ask("POST", "/nodes/w-1/layout", report, "wait=0s");
  EXPECT_EQ(reply.status, 200) << reply.body;
  EXPECT_THAT(reply.body, HasSubstr("GPU-a1"));
  EXPECT_EQ(shown()["reported"]["state"], "working");
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", report, "wait=soon").status, 400);
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", report, "wait=61s").status, 400);
}

/// An older database has taken the place of the one by which the node has acted.
TEST_F(WantedLayoutRoutes, ANodeThatKnowsNewerLayoutsIsToldNewerOnesAndItsReportsAreOfThose) {
  ASSERT_EQ(want(R"(["H100_2G20GB","H100_3G40GB"])").status, 202);
  const auto generation = layouts.of("default", "GPU-a1")->generation;
  const std::string report = R"({"newest":{"epoch":5,"generation":40},"devices":[{"uuid":"GPU-a1","report":{)"
                             R"("generation":)" +
                             std::to_string(generation) + R"(,"state":"done","steps":[]}}]})";
  const Json document = Json::parse(ask("POST", "/nodes/w-1/layout", report, "wait=30s").body);
  EXPECT_EQ(document["epoch"], 5);
  EXPECT_EQ(document["generation"], 41);
  EXPECT_TRUE(shown()["reported"].is_null()) << "that was of another wish with the same number";
  const auto database = must(store::Database::open(url));
  EXPECT_EQ(must(store::last_layout_generation(*database)), 41) << "a restart knows it";
  EXPECT_EQ(must(store::layout_epochs_ahead(*database)), 4);
  ASSERT_EQ(want(R"(["H100_2G20GB"])").status, 202);
  EXPECT_EQ(layouts.of("default", "GPU-a1")->generation, 42);
}

TEST_F(WantedLayoutRoutes, ANodeMovesTheNumbersNotBeyondWhatOthersCanGoOnFrom) {
  const auto told_newest = [&](const std::string& newest) {
    return ask("POST", "/nodes/w-1/layout", R"({"devices":[],"newest":)" + newest + "}");
  };
  constexpr std::int64_t kMost = std::int64_t{1} << 52U;
  for (const auto& newest :
       {fmt::format(R"({{"epoch":1,"generation":{}}})", kMost + 1),
        fmt::format(R"({{"epoch":{},"generation":1}})", kMost + 1),
        std::string(R"({"epoch":1,"generation":18446744073709551615})"), std::string(R"({"epoch":1,"generation":-1})"),
        std::string(R"({"epoch":1})"), std::string("7")})
    EXPECT_EQ(told_newest(newest).status, 400) << newest;
  EXPECT_THAT(told_newest(R"({"epoch":1,"generation":4503599627370497})").body, HasSubstr("layout.json"));
  EXPECT_EQ(must(store::last_layout_generation(*must(store::Database::open(url)))), 0);

  EXPECT_EQ(told_newest(fmt::format(R"({{"epoch":1,"generation":{}}})", kMost)).status, 204);
  ASSERT_EQ(want(R"(["H100_2G20GB"])").status, 202);
  EXPECT_EQ(layouts.of("default", "GPU-a1")->generation, kMost + 2);
  EXPECT_EQ(told_newest(fmt::format(R"({{"epoch":1,"generation":{}}})", kMost + 2)).status, 200) << "given here";
}

TEST_F(WantedLayoutRoutes, WhatAnEarlierWishMadeIsNobodyElses) {
  ASSERT_EQ(want(R"(["H100_2G20GB","H100_3G40GB"])").status, 202);
  ASSERT_EQ(want(R"(["H100_2G20GB","H100_2G20GB"])").status, 202) << "before the inventory shows the first";
  const Json document = Json::parse(ask("POST", "/nodes/w-1/layout", R"({"devices":[]})").body);
  EXPECT_EQ(document["devices"][0]["plannedFrom"],
            Json::parse(R"([{"profile":"2g.20gb","start":0,"size":2},{"profile":"1g.10gb","start":2,"size":1},
                            {"profile":"3g.40gb","start":4,"size":4}])"));
}

/// Of the wait for the lock on, the device may be another one than when the request came.
TEST_F(WantedLayoutRoutes, AWishIsPlannedOnWhatIsKnownOnceItIsItsTurn) {
  const auto publish = [&](const std::string& page) {
    told.scrape(kStart + 21'000, R"(node="w-1",job="agent")", page);
    told.fleet.advance(kStart + 21'000);
    Published next;
    next.view = told.fleet.publish(kStart + 21'000);
    fleet.publish(std::move(next));
  };
  on_planned = [&] {
    publish(std::string(kPage) +
            "gpu_process_info{gpu=\"1\",UUID=\"GPU-a1\",GPU_I_ID=\"9\",GPU_CI_ID=\"0\",pid=\"77\",command=\"python3\","
            "type=\"C\",status=\"active\",attribution=\"pod\",pod=\"late\",namespace=\"ml\",container=\"c\","
            "pod_uid=\"u2\"} 1\n");
  };
  const auto held = want(R"(["H100_3G40GB","H100_2G20GB","H100_2G20GB"])");
  EXPECT_EQ(held.status, 409) << held.body;
  EXPECT_THAT(held.body, HasSubstr("ml/late"));
  on_planned = [&] {
    Published none;
    none.view = std::make_shared<const fleet::View>();
    fleet.publish(std::move(none));
  };
  const auto gone = want(R"(["H100_2G20GB"])");
  EXPECT_EQ(gone.status, 409) << gone.body;
  EXPECT_THAT(gone.body, HasSubstr("not told of any longer"));
  EXPECT_FALSE(layouts.of("default", "GPU-a1"));
}

TEST_F(WantedLayoutRoutes, AWishIsTakenBackOfADeviceThatHasLeft) {
  ASSERT_EQ(want(R"(["H100_2G20GB"])").status, 202);
  Published none;
  none.view = std::make_shared<const fleet::View>();
  fleet.publish(std::move(none));
  EXPECT_EQ(want(R"(["H100_2G20GB"])").status, 404);
  EXPECT_EQ(ask("DELETE", "/gpu/devices/GPU-a1/mig", "", "cluster=another").status, 404);
  EXPECT_EQ(ask("DELETE", "/gpu/devices/GPU-a1/mig").status, 204);
  EXPECT_FALSE(layouts.of("default", "GPU-a1"));
}

TEST_F(WantedLayoutRoutes, ARepetitionOfATakingBackTakesNothingNewerBack) {
  const std::vector<std::pair<std::string, std::string>> once = {{"Idempotency-Key", "k1"}};
  ASSERT_EQ(want(R"(["H100_2G20GB"])").status, 202);
  EXPECT_EQ(ask("DELETE", "/gpu/devices/GPU-a1/mig", "", "", nullptr, once).status, 204);
  ASSERT_EQ(want(R"(["H100_2G20GB"])").status, 202);
  EXPECT_EQ(ask("DELETE", "/gpu/devices/GPU-a1/mig", "", "", nullptr, once).status, 204) << "the kept reply";
  EXPECT_FALSE(shown()["wanted"].is_null());
}

TEST_F(WantedLayoutRoutes, SaysWhyNot) {
  const struct {
    const char* device;
    const char* body;
    int status;
    const char* says;
  } kCases[] = {{"GPU-a1", R"(["H100_3G40GB","H100_3G40GB"])", 409, "serving/llm-0"},
                {"GPU-a1", R"(["H100_3G40GB","H100_3G40GB","H100_1G10GB"])", 422, "legal"},
                {"GPU-a1", R"(["A100_2G10GB"])", 400, "H100_2G20GB"},
                {"GPU-a1", R"("2g.20gb")", 400, "H100_2G20GB"},
                {"GPU-a1", R"({"profile":["2g.20gb"]})", 400, "profile"},
                {"GPU-a1", R"([7])", 400, "texts"},
                {"GPU-a0", R"(["1g.10gb"])", 409, "MIG is off"},
                {"GPU-a2", R"(["1g.10gb"])", 409, "does not answer"},
                {"GPU-xx", R"(["1g.10gb"])", 404, "GPU-xx"}};
  for (const auto& c : kCases) {
    const auto reply = want(c.body, "", c.device);
    EXPECT_EQ(reply.status, c.status) << c.body << ": " << reply.body;
    EXPECT_THAT(reply.body, HasSubstr(c.says));
  }
  EXPECT_TRUE(shown()["wanted"].is_null());
}

TEST_F(WantedLayoutRoutes, ANodeHasItsOwnKey) {
  const auto viewer = viewer_of("key:1", "key:1 w-1", {Scope::Node}, std::nullopt, {}, "w-1");
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", R"({"devices":[]})", "", viewer).status, 204);
  const auto refused = ask("POST", "/nodes/w-2/layout", R"({"devices":[]})", "", viewer);
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, AllOf(HasSubstr("w-1"), HasSubstr("w-2")));
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", R"({"devices":[]})", "wait=2h", viewer).status, 400);
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", R"({"devices":[]})", "cluster=b", viewer).status, 403);
  EXPECT_EQ(ask("POST", "/nodes/w-1/layout", R"({"devices":[]})", "cluster=b").status, 409) << "nobody knows it";
}

}  // namespace
}  // namespace tessera::server
