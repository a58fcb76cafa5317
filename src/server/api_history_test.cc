// What is told of the past.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/alerts/alerts.h"
#include "server/alerts/notifier.h"
#include "server/allocations.h"
#include "server/api.h"
#include "server/routes.h"
#include "server/schema_check.h"
#include "server/shared_cache.h"
#include "store/archive.h"
#include "store/devices.h"
#include "store/xids.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'800'000'000'000;  // a whole hour
constexpr EpochMs kMinute = 60'000;
constexpr std::string_view kApi = "/k8s-monitor/api/v1";

/// A board that is not cut, and one that is: as in api_test.cc, 72.5 % of what is allocated and 41.43 % of the device.
constexpr std::string_view kPage = R"(
gpu_device_info{gpu="0",UUID="GPU-0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_device_info{gpu="1",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_device_compute_slices{gpu="1",UUID="GPU-1"} 7
gpu_instance_info{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",start="0",size="2"} 1
gpu_instance_info{gpu="1",UUID="GPU-1",GPU_I_ID="9",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",start="2",size="1"} 1
gpu_instance_info{gpu="1",UUID="GPU-1",GPU_I_ID="10",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",start="3",size="1"} 1
gpu_allocation_info{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",pod="llm-0",namespace="serving",container="vllm",pod_uid="u1"} 1
gpu_process_info{gpu="0",UUID="GPU-0",pid="1",command="python3",type="C",status="active",attribution="host"} 1
gpu_process_info{gpu="0",UUID="GPU-0",pid="2",command="a%b",type="C",status="active",attribution="pod",pod="t-0",namespace="ml"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-0"} 0.5
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-1",GPU_I_ID="9",GPU_I_PROFILE="1g.10gb"} 0.9
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"} 0.6
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-1",GPU_I_ID="10",GPU_I_PROFILE="1g.10gb"} 0.8
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-0"} 1024
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"} 100
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-1",GPU_I_ID="9",GPU_I_PROFILE="1g.10gb"} 28
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-0"} 512.3
)";

/// The board is not cut any longer; one process goes on.
constexpr std::string_view kLater = R"(
gpu_device_info{gpu="0",UUID="GPU-0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_device_info{gpu="1",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_process_info{gpu="0",UUID="GPU-0",pid="2",command="a%b",type="C",status="active",attribution="pod",pod="t-0",namespace="ml"} 1
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-1"} 20
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-0"} 0.5
)";

struct HistoryTest : testing::Test {
  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return *std::move(result);
  }

  /// Ten minutes of the first page, ten of the other, ten of silence; then it is now.
  HistoryTest() {
    store::Archive archive(*database, 30s, {});
    for (EpochMs time = kStart; time < kStart + 20 * kMinute; time += 30'000)
      told.scrape(time, R"(node="w-1",job="agent")", std::string(time < kStart + 10 * kMinute ? kPage : kLater));
    fleet::Fleet& fleet = told.fleet;
    fleet.meter().settle(kStart + 100 * kMinute);
    const auto usage = fleet.meter().take();
    const auto sessions = fleet.take_ended();
    const auto layouts = fleet.take_layouts();
    const store::Kept all_of_it{sessions, layouts, {}, {}, &usage, {1, 0, kStart}};
    const auto done = archive.keep(all_of_it, [&](std::uint32_t one) { return fleet.usage_subject(one); }, kStart);
    if (!done) throw std::runtime_error(done.error().what);
    Published next;
    next.view = fleet.publish(kStart + 20 * kMinute);
    next.overviews = fold.of(*next.view);
    next.cluster = std::make_shared<const fleet::ClusterView>();
    next.serving = std::make_shared<const fleet::ServingView>();
    published.publish(std::move(next));
  }

  http::Response get(const std::string& path, const std::string& query, const std::string& accept = "") {
    http::Request request;
    if (space) {
      Viewer viewer = everybody();
      viewer.caller = viewer.actor = *space;
      viewer.spaces = {{*space}};
      request.caller = std::make_shared<Caller>(Caller{std::make_shared<const Viewer>(std::move(viewer)), {}});
    }
    request.method = "GET";
    request.path = std::string(kApi) + path;
    request.query = query;
    if (!accept.empty()) request.headers = {{"Accept", accept}};
    auto found = router->find("GET", request.path);
    auto& match = std::get<http::Router::Match>(found);
    request.params = match.params;
    http::Response reply = match.route->handle(request);
    reply.body = std::string(body_of(reply));
    return reply;
  }
  Json json(const std::string& path, const std::string& query, const std::string& documented) {
    const auto reply = get(path, query);
    EXPECT_EQ(reply.status, 200) << path << '?' << query << ": " << reply.body;
    Json out = Json::parse(reply.body, nullptr, false);
    const auto described = check.resolved(check.at({"paths", documented, "get", "responses", "200"}));
    EXPECT_THAT(check.wrong_in(out, described.find("content")->find("application/json")->find("schema").value()),
                IsEmpty())
        << path << '?' << query;
    return out;
  }
  Json metrics(const std::string& device, const std::string& query) {
    return json("/gpu/devices/" + device + "/metrics", query, "/gpu/devices/{deviceId}/metrics");
  }
  /// As device_seen has them.
  void remember_devices() {
    for (const auto& node : published.get()->view->nodes)
      for (const fleet::Device& device : node->devices)
        if (!store::write_device(*database, {node->cluster, node->name, device}))
          throw std::runtime_error("not written");
  }
  Json sessions(const std::string& query) { return json("/gpu/sessions", query, "/gpu/sessions"); }

  const SchemaCheck& check = own_schema();
  std::optional<std::string> space;  ///< who asks is restricted to it
  fleet::ToldPages told;
  fleet::OverviewFold fold;
  Latest<Published> published, kept;
  TempDir folder;
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<journal::Journal> journal = must(journal::Journal::open({.dir = folder.path() / "intake"}));
  std::unique_ptr<store::Database> database = must(store::Database::open(url));
  store::Readers readers{url, 2};
  Keeper keeper{{}, kept, *database, *journal};
  Intake intake{{}, *journal, keeper};
  std::unique_ptr<Access> access =
      must(Access::open(must(store::Database::open("sqlite::memory:")), {}, "127.0.0.1:0"));
  Leadership leadership;
  Events events{published, [] { return false; }};
  Proxy proxy{{}};
  WantedLayouts wanted{0, {}};
  std::unique_ptr<Allocations> allocations =
      must(Allocations::open(published, access->changes(), wanted, events, [] { return true; }, {.look_every = {}}));
  std::unique_ptr<Alerts> alerts =
      must(Alerts::open(published, access->changes(), [] { return true; }, {.settings = {}, .runs = false}));
  std::unique_ptr<Notifier> notifier =
      std::make_unique<Notifier>(*alerts, access->changes(), [] { return true; }, false);
  std::vector<http::Route> all = routes({published,
                                         intake,
                                         keeper,
                                         *journal,
                                         [] { return std::nullopt; },
                                         [] { return true; },
                                         {},
                                         *access,
                                         leadership,
                                         {&readers, 30s, {}},
                                         events,
                                         proxy,
                                         wanted,
                                         *allocations,
                                         *alerts,
                                         *notifier},
                                        "/k8s-monitor");
  std::unique_ptr<http::Router> router = std::make_unique<http::Router>(must(http::Router::build(all)));
};

TEST_F(HistoryTest, ADeviceOverTime) {
  const Json page = metrics("GPU-0", "start=1800000000&end=2027-01-15T08:30:00Z&step=5m");
  ASSERT_EQ(page["items"].size(), 6U);
  EXPECT_EQ(page["step"], "5m");
  EXPECT_EQ(page["resolution"], "5m");
  const Json& first = page["items"][0];
  EXPECT_EQ(first["time"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(first["coverage"], 1);
  EXPECT_EQ(first["utilizationPercent"], 50);
  EXPECT_EQ(first["utilizationPercentMax"], 50);
  EXPECT_EQ(first["memoryUsedBytes"], 1024U << 20U);
  EXPECT_EQ(first["powerWatts"], 512.3);
  EXPECT_EQ(first["temperatureCelsius"], nullptr);
  EXPECT_EQ(first["allocatedSeconds"], 300);
  EXPECT_EQ(page["items"][2]["powerWatts"], nullptr) << "not told any longer";
  EXPECT_EQ(page["items"][3]["coverage"], 1);
  EXPECT_EQ(page["items"][4]["coverage"], 0.15) << "what was told last holds for 2.5 intervals";
  EXPECT_EQ(page["items"][4]["utilizationPercent"], 50);
  EXPECT_EQ(page["items"][5]["coverage"], 0);
  EXPECT_EQ(page["items"][5]["utilizationPercent"], nullptr);
}

TEST_F(HistoryTest, ADeviceInMigModeIsItsInstances) {
  const Json page = metrics("w-1-GPU-01", "start=1800000000&end=1800001200&step=10m");
  ASSERT_EQ(page["items"].size(), 2U);
  EXPECT_EQ(page["items"][0]["utilizationPercent"], 41.43);
  EXPECT_EQ(page["items"][0]["memoryUsedBytes"], 128U << 20U);
  EXPECT_NEAR(page["items"][0]["allocatedSeconds"], 600.0 * 2 / 7, 0.001);
  EXPECT_EQ(page["items"][1]["utilizationPercent"], 20);
  EXPECT_EQ(page["items"][1]["allocatedSeconds"], 0);
  const Json part =
      metrics("GPU-1", "start=1800000000&end=1800001200&step=10m&gpuInstance=9&fields=utilizationPercent");
  EXPECT_EQ(part["items"][0]["utilizationPercent"], 90);
  EXPECT_EQ(part["items"][0].size(), 3U);
  EXPECT_EQ(part["items"][1]["utilizationPercent"], nullptr);
}

/// The mean over a window, weighted by coverage, is the same from any resolution.
TEST_F(HistoryTest, EveryResolutionTellsTheSame) {
  const auto mean = [&](const std::string& step) {
    double sum = 0, covered = 0;
    const Json page = metrics("GPU-1", "start=1800000000&end=1800003600&step=" + step);
    for (const Json& one : page["items"]) {
      if (one["utilizationPercent"].is_null()) continue;
      sum += one["utilizationPercent"].get<double>() * one["coverage"].get<double>();
      covered += one["coverage"].get<double>();
    }
    return sum / covered;
  };
  const double raw = mean("30s");
  EXPECT_NEAR(mean("1m"), raw, 0.01);
  EXPECT_NEAR(mean("5m"), raw, 0.01);
  EXPECT_NEAR(mean("1h"), raw, 0.01);
}

TEST_F(HistoryTest, StepsAreAligned) {
  const Json page = metrics("GPU-0", "start=1800000010&end=1800000100&step=45s");
  EXPECT_EQ(page["step"], "1m");
  EXPECT_EQ(page["resolution"], "30s");
  EXPECT_EQ(page["items"][0]["time"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(page["items"].size(), 2U);
  EXPECT_THAT(get("/gpu/devices/GPU-0/metrics", "step=5m&start=1800000000&end=1800000300", "text/csv").body,
              HasSubstr("\r\n2027-01-15T08:00:00.000Z,1.0,50.0,"));
}

TEST_F(HistoryTest, LayoutsAreIntervals) {
  const auto layouts = [&](const std::string& device, const std::string& query) {
    return json("/gpu/devices/" + device + "/layouts", query, "/gpu/devices/{deviceId}/layouts");
  };
  const Json page = layouts("GPU-1", "");
  ASSERT_EQ(page["items"].size(), 2U);
  EXPECT_EQ(page["items"][0]["began"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(page["items"][0]["ended"], "2027-01-15T08:10:00.000Z");
  ASSERT_EQ(page["items"][0]["instances"].size(), 3U);
  EXPECT_EQ(page["items"][0]["instances"][0]["profileKey"], "H100_2G20GB");
  EXPECT_EQ(page["items"][0]["instances"][0]["placement"]["size"], 2);
  EXPECT_EQ(page["items"][1]["migEnabled"], false);
  EXPECT_EQ(page["items"][1]["ended"], nullptr);
  EXPECT_EQ(layouts("GPU-1", "start=1800000900")["items"].size(), 1U);
  EXPECT_EQ(layouts("GPU-0", "")["items"].size(), 1U);
  EXPECT_EQ(layouts("GPU-1", "limit=1")["nextCursor"].is_string(), true);
}

TEST_F(HistoryTest, XidsHaveTheirTimes) {
  const std::vector<fleet::XidsSeen> seen = {{"default", "GPU-0", 79, kStart + kMinute, 1},
                                             {"default", "GPU-0", 31, kStart + 2 * kMinute, 3},
                                             {"default", "GPU-1", 48, kStart, 1}};
  ASSERT_TRUE(store::write_xids(*database, seen));
  const auto xids = [&](const std::string& query) {
    return json("/gpu/devices/GPU-0/xids", query, "/gpu/devices/{deviceId}/xids")["items"];
  };
  ASSERT_EQ(xids("").size(), 2U);
  EXPECT_EQ(xids("")[0], (Json{{"time", "2027-01-15T08:02:00.000Z"},
                               {"code", 31},
                               {"count", 3},
                               {"meaning", "GPU memory page fault"},
                               {"blame", "application"}}));
  EXPECT_EQ(xids("end=1800000120").size(), 1U);
  EXPECT_EQ(xids("start=1800000121"), Json::array());
  EXPECT_THAT(get("/gpu/devices/GPU-0/xids", "", "text/csv").body,
              HasSubstr("\r\n2027-01-15T08:01:00.000Z,79,1,the GPU has fallen off the bus,device\r\n"));
  space = "ml";  // has it from the start
  ASSERT_EQ(xids("").size(), 1U) << "programs' faults are their owners'";
  EXPECT_EQ(xids("")[0]["code"], 79);
  space = "others";
  EXPECT_EQ(get("/gpu/devices/GPU-0/xids", "").status, 404);
}

TEST_F(HistoryTest, SessionsOfThePast) {
  const Json past = sessions("state=past");
  ASSERT_EQ(past["total"], 1);
  EXPECT_EQ(past["items"][0]["pid"], 1);
  EXPECT_EQ(past["items"][0]["deviceId"], "w-1-GPU-00");
  EXPECT_EQ(past["items"][0]["endTime"], "2027-01-15T08:09:30.000Z");
  EXPECT_EQ(past["items"][0]["attribution"], "host");
  EXPECT_EQ(sessions("state=active")["total"], 1);
  const Json both = sessions("state=all");
  ASSERT_EQ(both["total"], 2);
  EXPECT_EQ(both["items"][0]["pid"], 2) << "the one that runs";
  EXPECT_EQ(both["items"][0]["endTime"], nullptr);
  const Json first = sessions("state=all&limit=1");
  EXPECT_EQ(first["items"][0]["pid"], 2);
  const Json second = sessions("state=all&limit=1&cursor=" + first["nextCursor"].get<std::string>());
  EXPECT_EQ(second["items"][0]["pid"], 1);
  EXPECT_EQ(second["nextCursor"], nullptr);
  for (const auto& [query, count] : std::vector<std::pair<std::string, int>>{{"start=2027-01-15T08:10:00Z", 1},
                                                                             {"end=1799999999", 0},
                                                                             {"command=PYTHON", 1},
                                                                             {"command=%25", 1},
                                                                             {"search=gpu-0", 2},
                                                                             {"namespace=ml", 1},
                                                                             {"deviceId=w-1-GPU-00", 2},
                                                                             {"attribution=host,pod", 2},
                                                                             {"cluster=b", 0}})
    EXPECT_EQ(sessions("state=all&" + query)["total"], count) << query;
}

TEST_F(HistoryTest, OneThatIsHeardAgainHasNotEnded) {
  const std::string labels = R"(gpu="0",UUID="GPU-0",pid="9",command="python3",type="C")";
  const std::string page = "gpu_process_info{" + labels + ",status=\"active\"} 1\ngpu_process_start_time_seconds{" +
                           labels + "} 1799990000\n";
  const EpochMs later = kStart + 21 * kMinute;
  told.scrape(later, R"(node="w-1",job="other")", page);
  told.scrape(later + kMinute, R"(node="w-1",job="other")", "");
  const auto ended = told.fleet.take_ended();
  ASSERT_EQ(ended.size(), 1U);
  store::Archive archive(*database, 30s, {});
  ASSERT_TRUE(archive.keep({ended, {}, {}, {}, nullptr, {2, 0, kStart}}, {}, later + kMinute));
  EXPECT_EQ(sessions("state=all&command=python3")["total"], 2) << "this one, and that of the first page";
  told.scrape(later + 2 * kMinute, R"(node="w-1",job="other")", page);
  Published next;
  next.view = told.fleet.publish(later + 2 * kMinute);
  next.overviews = fold.of(*next.view);
  published.publish(std::move(next));
  const Json both = sessions("state=all&command=python3");
  EXPECT_EQ(both["total"], 2);
  ASSERT_EQ(both["items"].size(), 2U);
  EXPECT_EQ(both["items"][0]["pid"], 9);
  EXPECT_EQ(both["items"][0]["endTime"], nullptr) << "it runs";
  EXPECT_EQ(both["items"][1]["pid"], 1);
}

/// Ten minutes at 41.43 % and ten at 20, ten at 50 and ten more at 50.
TEST_F(HistoryTest, UtilizationOverAWindow) {
  const auto groups = [&](const std::string& query) { return json("/gpu/utilization", query, "/gpu/utilization"); };
  const Json fleet = groups("window=20m");
  ASSERT_EQ(fleet["items"].size(), 1U);
  EXPECT_EQ(fleet["start"], "2027-01-15T08:00:00.000Z");
  EXPECT_EQ(fleet["items"][0]["deviceCount"], 2);
  EXPECT_EQ(fleet["items"][0]["utilization"]["coverage"], 1);
  EXPECT_NEAR(fleet["items"][0]["value"], (41.43 + 20 + 50 + 50) / 4, 0.01);
  const Json half = groups("window=10m&groupBy=node&over=allocated");
  EXPECT_EQ(half["items"][0]["value"], 35) << "of both devices, neither of which is cut";
  const Json spaces = groups("window=20m&groupBy=namespace&over=allocated");
  ASSERT_EQ(spaces["items"].size(), 2U) << "ml and serving; the process of the host is in none";
  EXPECT_EQ(spaces["items"][0]["key"], "serving");
  EXPECT_EQ(spaces["items"][0]["value"], 60);
  EXPECT_EQ(spaces["items"][1]["value"], 50);
  EXPECT_NEAR(spaces["items"][0]["utilization"]["allocatedWeight"], 1, 0.1) << "two slices for half of the time";
  const Json profiles = groups("window=20m&groupBy=profile&over=allocated&sort=key");
  EXPECT_EQ(profiles["items"][0]["key"], "H100_1G10GB");
  EXPECT_EQ(profiles["items"][0]["value"], 85);
  EXPECT_EQ(groups("window=40m")["items"][0]["utilization"]["coverage"], 0.5);
  EXPECT_EQ(groups("window=20m&groupBy=pod&pod=llm-0")["items"].size(), 1U);
  EXPECT_EQ(groups("window=20m&weight=sm")["items"][0]["value"], nullptr) << "nobody tells";
}

// As the fleet drops those that have left, days later: what was told of them stays.
TEST_F(HistoryTest, ADeviceThatIsListedNoLongerStaysInThePast) {
  const std::vector<std::pair<std::string, std::string>> kAsked = {
      {"/gpu/utilization", "window=20m"},
      {"/gpu/utilization", "window=20m&over=allocated&model=H100"},
      {"/gpu/utilization", "window=20m&groupBy=cluster&cluster=default"},
      {"/gpu/utilization", "window=20m&groupBy=model"},
      {"/gpu/utilization", "window=20m&groupBy=node&nodeName=w-1"},
      {"/gpu/utilization", "window=20m&groupBy=namespace"},
      {"/gpu/utilization", "window=20m&groupBy=pod&namespace=ml"},
      {"/gpu/utilization", "window=20m&groupBy=profile"},
      {"/gpu/utilization", "window=20m&nodeName=w-2"},
      {"/gpu/devices/GPU-1/metrics", "start=1800000000&end=1800001200&step=10m"},
      {"/gpu/devices/GPU-1/layouts", "cluster=default"},
      {"/gpu/devices/GPU-1/xids", "cluster=default"}};
  std::vector<Json> before;
  for (const auto& [path, query] : kAsked) before.push_back(Json::parse(get(path, query).body));
  const auto listed = published.get();
  remember_devices();
  const auto show = [&](std::vector<std::shared_ptr<const fleet::Node>> nodes) {
    Published next = *listed;
    next.view = std::make_shared<const fleet::View>(fleet::View{listed->view->time + 1000, std::move(nodes)});
    next.overviews = fold.of(*next.view);
    published.publish(std::move(next));
  };
  auto left = std::make_shared<fleet::Node>(*listed->view->nodes[0]);
  left->devices.pop_back();
  for (const auto& nodes : {std::vector<std::shared_ptr<const fleet::Node>>{left}, {}}) {
    show(nodes);
    EXPECT_EQ(get("/gpu/devices/GPU-1", "").status, 404) << "the sample is wrong";
    for (std::size_t i = 0; i < kAsked.size(); ++i) {
      const auto& [path, query] = kAsked[i];
      Json after = Json::parse(get(path, query).body);
      EXPECT_FALSE(after["items"].is_null()) << after;
      EXPECT_EQ(after["items"], before[i]["items"]) << path << '?' << query;
      EXPECT_EQ(after["deviceId"], before[i]["deviceId"]);
    }
  }
  EXPECT_EQ(get("/gpu/devices/GPU-1/metrics", "cluster=b").status, 404);
  EXPECT_EQ(get("/gpu/devices/w-1-GPU-01/metrics", "").status, 404) << "another may have that place";
}

// All that came of it was of the past when it came: a restart would not wait for it.
TEST_F(HistoryTest, ADeviceThatWasNeverRememberedCountsByItsUsage) {
  const Json before = json("/gpu/utilization", "window=20m&groupBy=cluster", "/gpu/utilization");
  Published next = *published.get();
  next.view = std::make_shared<const fleet::View>(fleet::View{next.view->time, {}});
  published.publish(std::move(next));
  const Json after = json("/gpu/utilization", "window=20m&groupBy=cluster", "/gpu/utilization");
  ASSERT_EQ(after["items"].size(), 1U);
  EXPECT_EQ(after["items"][0]["deviceCount"], 2);
  EXPECT_EQ(after["items"][0]["partCount"], before["items"][0]["partCount"]);
  EXPECT_EQ(after["items"][0]["utilization"]["simple"], before["items"][0]["utilization"]["simple"]);
  EXPECT_EQ(after["items"][0]["utilization"]["deviceWeight"], 7) << "the other's size is not known";
  EXPECT_EQ(json("/gpu/utilization", "window=20m&groupBy=node", "/gpu/utilization")["total"], 0);
}

// By what is held now there would be nothing of a pod that has ended.
TEST_F(HistoryTest, WhoIsRestrictedHasWhatHisPodsHad) {
  remember_devices();
  const auto rows = [&](const std::string& query) {
    return json("/gpu/utilization", "window=20m&over=allocated&" + query, "/gpu/utilization")["items"];
  };
  const Json all = rows("groupBy=pod");
  ASSERT_EQ(all.size(), 2U);
  space = "serving";
  EXPECT_EQ(json("/gpu/devices", "", "/gpu/devices")["total"], 0) << "the sample is wrong: its pod has ended";
  EXPECT_EQ(rows("groupBy=pod"), Json::array({all[0]}));
  EXPECT_EQ(rows("groupBy=pod")[0]["key"], "serving/llm-0");
  EXPECT_EQ(rows("groupBy=pod&namespace=ml"), Json::array());
  EXPECT_EQ(rows("groupBy=pod&pod=t-0"), Json::array());
  for (const char* by : {"namespace", "model", "cluster", "fleet", "profile"}) {
    ASSERT_EQ(rows(fmt::format("groupBy={}", by)).size(), 1U) << by;
    EXPECT_EQ(rows(fmt::format("groupBy={}", by))[0]["utilization"]["allocated"], 60) << "its own instance alone";
    EXPECT_EQ(rows(fmt::format("groupBy={}", by))[0]["deviceCount"], 1);
  }
  EXPECT_EQ(rows("groupBy=node"), Json::array()) << "which nodes there are is told of what it holds now";
  EXPECT_EQ(rows("nodeName=w-1"), Json::array());
  for (const char* path : {"/gpu/devices/GPU-1/metrics", "/gpu/devices/GPU-1/layouts", "/gpu/devices/GPU-1/xids"})
    EXPECT_EQ(get(path, "").status, 404) << path;
  space = "ml";
  EXPECT_EQ(rows("groupBy=pod"), Json::array({all[1]}));
  EXPECT_EQ(rows("groupBy=node")[0]["key"], "w-1");
  space = "others";
  EXPECT_EQ(rows("groupBy=namespace"), Json::array());
}

TEST_F(HistoryTest, SaysWhatIsWrong) {
  struct Case {
    std::string path, query, parameter, detail;
  };
  const std::string path = "/gpu/devices/GPU-0/metrics";
  const Case kCases[] = {
      {path, "start=yesterday", "start", "RFC 3339"},
      {path, "start=2026-13-01T00:00:00Z", "start", "RFC 3339"},
      {path, "end=-5", "end", "RFC 3339"},
      {path, "start=1800000100&end=1800000000", "start", "has to end later"},
      {path, "step=0s", "step", "more than nothing"},
      {path, "step=5 minutes", "step", "one of"},
      {path, "start=0&end=1800000000&step=1h", "step", "at most 11000"},
      {path, "fields=colour", "fields", "utilizationPercent"},
      {path, "gpuInstance=x", "gpuInstance", "a number"},
      {"/gpu/sessions", "state=gone", "state", "active, past, all"},
      {"/gpu/sessions", "state=past&sort=pid", "sort", "one order"},
  };
  for (const Case& c : kCases) {
    const auto reply = get(c.path, c.query);
    EXPECT_EQ(reply.status, 400) << c.query << ": " << reply.body;
    const Json problem = Json::parse(reply.body);
    ASSERT_FALSE(problem["errors"].empty()) << reply.body;
    EXPECT_EQ(problem["errors"][0]["parameter"], c.parameter) << c.query;
    EXPECT_THAT(problem["errors"][0]["detail"].get<std::string>(), HasSubstr(c.detail)) << c.query;
  }
  EXPECT_EQ(get("/gpu/devices/nope/metrics", "").status, 404);
  EXPECT_EQ(get("/gpu/devices/nope/layouts", "").status, 404);
  EXPECT_EQ(get("/gpu/devices/nope/xids", "").status, 404);
}

TEST(ParseTime, TakesWhatPeopleWrite) {
  constexpr EpochMs kWanted = 1'785'492'000'250;
  for (const char* text : {"2026-07-31T10:00:00.25Z", "2026-07-31T12:00:00.250+02:00", "2026-07-31t04:30:00.2500-05:30",
                           "2026-07-31 12:00:00.25 02:00", "1785492000.25"})
    EXPECT_EQ(*parse_time(text), kWanted) << text;
  for (const char* bad :
       {"", "x", "-1", "1e99", "nan", "2026-07-31", "2026-07-31T10:00:00", "2026-02-30T10:00:00Z",
        "2026-07-31T24:00:00Z", "2026-07-31T10:00:00.Z", "2026-07-31T10:00:00+2:00", "1969-12-31T10:00:00Z"})
    EXPECT_FALSE(parse_time(bad)) << bad;
}

}  // namespace
}  // namespace tessera::server
