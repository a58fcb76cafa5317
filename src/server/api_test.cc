// The contract: every route is in the document and the reverse, and real replies are what it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/advice/advisor.h"
#include "server/alerts/alerts.h"
#include "server/alerts/notifier.h"
#include "server/allocations.h"
#include "server/api_json.h"
#include "server/benchmarks/benchmarks.h"
#include "server/openapi.h"
#include "server/routes.h"
#include "server/schema_check.h"
#include "server/shared_cache.h"
#include "store/database.h"

namespace tessera::server {
namespace {
using testing::HasSubstr;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr std::string_view kApi = "/k8s-monitor/api/v1";

/// A board whole, a board cut in three, their processes and holders, as an agent tells them.
constexpr std::string_view kAgent = R"(
gpu_up{gpu="0",UUID="GPU-a0"} 1
gpu_up{gpu="1",UUID="GPU-a1"} 1
gpu_device_info{gpu="0",UUID="GPU-a0",model="NVIDIA H100 80GB HBM3",pci_bus_id="00000000:3B:00.0",architecture="Hopper",compute_capability="9.0",DCGM_FI_DRIVER_VERSION="550.54.15"} 1
gpu_device_info{gpu="1",UUID="GPU-a1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1",DCGM_FI_DRIVER_VERSION="550.54.15"} 1
gpu_device_compute_slices{gpu="0",UUID="GPU-a0"} 7
gpu_device_compute_slices{gpu="1",UUID="GPU-a1"} 7
gpu_device_sm_count{gpu="1",UUID="GPU-a1"} 132
gpu_device_memory_bytes{gpu="0",UUID="GPU-a0"} 85520809984
gpu_profile_info{gpu="1",UUID="GPU-a1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_profile_info{gpu="1",UUID="GPU-a1",profile="1g.10gb",profile_id="19",compute_slices="1",sm_count="16",memory_mib="9984",max_instances="7",placements="0:1,1:1,2:1,3:1,4:1,5:1,6:1"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-3",start="0",size="2"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-9",start="2",size="1"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="10",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-10",start="3",size="1"} 1
gpu_instance_memory_bytes{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb"} 21066940416
gpu_allocation_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",pod="llm-0",namespace="serving",container="vllm",pod_uid="u1"} 1
gpu_allocation_used{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",pod="llm-0",namespace="serving",container="vllm",pod_uid="u1"} 1
gpu_process_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",pid="5301",command="python3",type="C",status="active",attribution="pod",pod="llm-0",namespace="serving",container="vllm",pod_uid="u1"} 1
gpu_process_info{gpu="0",UUID="GPU-a0",pid="4205",command="=cmd|calc",type="C",status="active",attribution="host",pod="unknown",namespace="",container=""} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-a0"} 0.631
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_I_PROFILE="1g.10gb"} 0.9
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"} 0.6
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-a1",GPU_I_ID="10",GPU_I_PROFILE="1g.10gb"} 0.8
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-a0"} 1024
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-a0"} 61
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a0"} 512.3
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-a0"} 31
)";

/// As any dcgm-exporter: one board that is ill.
constexpr std::string_view kForeign = R"(
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-f0",modelName="Tesla T4",pod="train",namespace="ml",container="main"} 50
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-f0",modelName="Tesla T4",pod="train",namespace="ml",container="main"} 79
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-f1",modelName="NVIDIA Unheard Of 9000"} 0
)";

struct ApiTest : testing::Test {
  ApiTest() {
    told.scrape(kStart - 60'000, R"(node="w-0")",
                R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-s0",modelName="Tesla T4"} 3)");
    told.scrape(kStart, R"(node="w-1",job="agent")", std::string(kAgent));
    told.scrape(kStart, R"(node="w-2",job="dcgm")", std::string(kForeign));
    told.scrape(kStart, R"(node="w-2",cluster="b",job="dcgm")", std::string(kForeign));
    publish(kStart + 20'000);
  }

  void publish(EpochMs now) {
    told.fleet.advance(now);
    Published next;
    next.view = told.fleet.publish(now);
    next.overviews = fold.of(*next.view);
    published.publish(std::move(next));
  }

  http::Response get(const std::string& path, const std::string& query = "", const std::string& accept = "") {
    http::Request request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    if (!accept.empty()) request.headers = {{"Accept", accept}};
    auto found = router->find("GET", path);
    if (auto* reply = std::get_if<http::Response>(&found)) return *reply;
    auto& match = std::get<http::Router::Match>(found);
    request.params = match.params;
    http::Response reply = match.route->handle(request);
    reply.body = std::string(body_of(reply));
    return reply;
  }
  Json json(const std::string& path, const std::string& query = "") {
    const auto reply = get(std::string(kApi) + path, query);
    EXPECT_EQ(reply.status, 200) << path << '?' << query << ": " << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }
  /// The schema of a reply's body.
  config::Node schema_of(const std::string& path, const std::string& status, const std::string& type) const {
    const auto reply = check.resolved(check.at({"paths", path, "get", "responses", status}));
    return reply.find("content")->find(type)->find("schema").value();
  }
  std::vector<std::string> documented() const {
    std::vector<std::string> out;
    for (const auto& [path, item] : *check.at({"paths"}).entries())
      if (item.find("get")) out.push_back(path);
    return out;
  }
  bool is_list(const std::string& path) const {
    const auto content = check.resolved(check.at({"paths", path, "get", "responses", "200"})).find("content");
    return content && content->find("text/csv");
  }

  template <class T>
  static T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().what);
    return *std::move(result);
  }

  const SchemaCheck& check = own_schema();
  fleet::ToldPages told;
  fleet::OverviewFold fold;
  Latest<Published> published;
  TempDir folder;
  Latest<Published> kept;
  std::unique_ptr<journal::Journal> journal = must(journal::Journal::open({.dir = folder.path() / "intake"}));
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<store::Database> database = must(store::Database::open(url));
  store::Readers readers{url, 2};
  Keeper keeper{{}, kept, *database, *journal};
  Intake intake{{}, *journal, keeper};
  std::unique_ptr<Access> access =
      must(Access::open(must(store::Database::open("sqlite::memory:")), {}, "127.0.0.1:0"));
  bool started = true;
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
  Advisor advisor{published, access->changes(), readers, nullptr, [] { return true; }, {.runs = false}};
  Benchmarks benchmarks{published, access->changes(), readers, nullptr};
  Told what() {
    Told out{published,
             intake,
             keeper,
             *journal,
             [] { return std::nullopt; },
             [this] { return started; },
             {"H100_80GB"},
             *access,
             leadership,
             {&readers, std::chrono::seconds(30), {}},
             events,
             proxy,
             wanted,
             *allocations,
             *alerts,
             *notifier};
    out.advisor = &advisor;
    out.benchmarks = &benchmarks;
    return out;
  }
  std::vector<http::Route> all = routes(what(), "/k8s-monitor");
  std::unique_ptr<http::Router> router = std::make_unique<http::Router>(must(http::Router::build(all)));
};

TEST_F(ApiTest, AnIdIsOfTheNewestBoardThatHasItsPlace) {
  const auto scrape = [&](EpochMs time, const std::string& uuid) {
    told.scrape(time, R"(node="w-9")", "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"" + uuid + "\"} 1\n");
    publish(time);
    return json("/gpu/devices/w-9-GPU-00")["uuid"];
  };
  EXPECT_EQ(scrape(kStart + 30'000, "GPU-a"), "GPU-a");
  EXPECT_EQ(scrape(kStart + 60'000, "GPU-b"), "GPU-b") << "both are within what a state holds";
  publish(kStart + 600'000);
  EXPECT_EQ(json("/gpu/devices/w-9-GPU-00")["uuid"], "GPU-b") << "both are silent";
  EXPECT_EQ(scrape(kStart + 900'000, "GPU-b"), "GPU-b");
  EXPECT_EQ(json("/gpu/devices/GPU-a")["presence"], "retired");
  EXPECT_EQ(json("/gpu/health", "nodeName=w-9")["total"], 0) << "a board that was replaced is no finding";
}

TEST_F(ApiTest, ThereIsAViewBeforeAnythingHasCome) { EXPECT_TRUE(kept.get()); }

TEST_F(ApiTest, EveryRouteIsInTheDocumentAndTheReverse) {
  std::set<std::string> served, written;
  for (const http::Route& route : all) served.insert(lower(route.method) + " " + route.path);
  for (const auto& [path, item] : *check.at({"paths"}).entries())
    for (const auto& [key, operation] : *item.entries())
      if (key == "get" || key == "post" || key == "put" || key == "delete")
        written.insert(key + " " + (item.find("servers") ? "" : std::string(kApi)) + path);
  EXPECT_EQ(served, written);
}

TEST_F(ApiTest, RepliesAreWhatTheDocumentSays) {
  auto wish = must(parse_allocation_wish(R"({"namespace":"ml","podName":"p","requiredMemoryGb":500,"wait":true})"));
  wish.cluster = "default";
  const Json waiting = Json::parse(allocations->ask({}, wish).body);
  const std::map<std::string, std::vector<std::string>> kNamed = {
      {"/gpu/nodes/{node}", {"/gpu/nodes/w-0", "/gpu/nodes/w-1"}},
      {"/gpu/devices/{deviceId}",
       {"/gpu/devices/GPU-a0", "/gpu/devices/w-1-GPU-01", "/gpu/devices/GPU-s0", "/gpu/devices/w-0-GPU-00"}},
      {"/gpu/devices/{deviceId}/metrics", {"/gpu/devices/GPU-a1/metrics"}},
      {"/gpu/devices/{deviceId}/layouts", {"/gpu/devices/GPU-a1/layouts"}},
      {"/gpu/devices/{deviceId}/xids", {"/gpu/devices/GPU-a1/xids"}},
      {"/gpu/devices/{deviceId}/mig", {"/gpu/devices/GPU-a1/mig"}},
      {"/gpu/allocations/{allocationId}", {"/gpu/allocations/" + waiting.value("id", "")}}};
  std::size_t checked = 0;
  for (const std::string& path : documented()) {
    if (!path.starts_with("/gpu/")) continue;
    const auto schema = schema_of(path, "200", "application/json");
    const auto named = kNamed.find(path);
    for (const std::string& one : named == kNamed.end() ? std::vector{path} : named->second) {
      // What is planned is planned for one cluster.
      const bool of_one = one == "/gpu/defragmentation" || one == "/gpu/what-if";
      EXPECT_THAT(check.wrong_in(json(one, of_one ? "cluster=b" : ""), schema), IsEmpty()) << one;
      ++checked;
    }
  }
  EXPECT_EQ(checked, 26U);
  const auto groups = schema_of("/gpu/utilization", "200", "application/json");
  for (const char* by : {"fleet", "cluster", "model", "node", "namespace", "pod", "profile", "team"})
    for (const char* more : {"", "&weight=sm", "&over=allocated"})
      EXPECT_THAT(check.wrong_in(json("/gpu/utilization", std::string("groupBy=") + by + more), groups), IsEmpty());
  publish(kStart + 3'600'000);  // all is silent now, and there is nobody in the lists
  for (const char* path : {"/gpu/overview", "/gpu/nodes", "/gpu/devices", "/gpu/sessions", "/gpu/health"})
    EXPECT_THAT(check.wrong_in(json(path), schema_of(path, "200", "application/json")), IsEmpty()) << path;
}

TEST_F(ApiTest, EventsAndStatusAreWhatTheDocumentSays) {
  EXPECT_THAT(check.wrong_in(json("/status"), schema_of("/status", "200", "application/json")), IsEmpty());
  const auto before = told.fleet.publish(kStart + 20'000);
  told.scrape(kStart + 21'000, R"(node="w-1",job="agent")", "");
  told.scrape(kStart + 21'000, R"(node="w-9",job="agent")", std::string(kAgent));
  const auto changes = fleet::changes_between(*before, *told.fleet.publish(kStart + 21'000));
  std::set<fleet::ChangeKind> kinds;
  for (const fleet::Change& change : changes) {
    kinds.insert(change.kind);
    const Json event = Json::parse(event_json(change));
    EXPECT_THAT(check.wrong_in(event, check.at({"components", "schemas", "Event"})), IsEmpty()) << event;
  }
  EXPECT_GE(kinds.size(), 4U);
}

TEST_F(ApiTest, TakesTheParametersOfTheDocumentAndNoOthers) {
  for (const std::string& path : documented()) {
    if (!path.starts_with("/gpu/") || path.find('{') != std::string::npos) continue;
    std::set<std::string> written, known;
    for (const config::Node& one : *check.at({"paths", path, "get", "parameters"}).list())
      written.insert(*check.resolved(one).find("name")->text());
    const auto refused = get(std::string(kApi) + path, "zzzzzzzzzzzz=1");
    EXPECT_EQ(refused.status, 400) << path;
    const Json problem = Json::parse(refused.body);
    EXPECT_THAT(check.wrong_in(problem, check.at({"components", "schemas", "Problem"})), IsEmpty()) << path;
    const std::string detail = problem["errors"][0]["detail"];
    const auto list = detail.find("there are ");
    ASSERT_NE(list, std::string::npos) << detail;
    for (const std::string_view name : split(std::string_view(detail).substr(list + 10), ','))
      known.emplace(trim(name));
    EXPECT_EQ(known, written) << path;
  }
}

TEST_F(ApiTest, TablesHaveMembersOfTheDocument) {
  for (const std::string& path : documented()) {
    if (!path.starts_with("/gpu/") || !is_list(path)) continue;
    std::string asked = path;
    if (const auto id = asked.find("{deviceId}"); id != std::string::npos) asked.replace(id, 10, "GPU-a1");
    const auto reply = get(std::string(kApi) + asked, "", "text/csv");
    ASSERT_EQ(reply.status, 200) << reply.body;
    const std::string head = reply.body.substr(0, reply.body.find("\r\n"));
    const auto items = check.member(schema_of(path, "200", "application/json"), "items");
    ASSERT_TRUE(items && items->find("items")) << path;
    for (const std::string_view column : split(head, ',')) {
      std::optional<config::Node> here = items->find("items");
      for (const std::string_view name : split(column, '.'))
        if (here) here = check.member(*here, std::string(name));
      EXPECT_TRUE(here) << path << ": " << column;
    }
  }
}

TEST_F(ApiTest, TheHeatMapSaysOfEachDeviceWhatTheListDoes) {
  const Json map = json("/gpu/heatmap"), list = json("/gpu/devices");
  std::vector<Json> shown;
  for (const Json& node : map["nodes"])
    for (const Json& device : node["devices"]) {
      Json one;
      for (std::size_t i = 0; i < map["columns"].size(); ++i) one[map["columns"][i].get<std::string>()] = device.at(i);
      EXPECT_EQ(device.size(), map["columns"].size());
      one["node"] = node["node"];
      one["cluster"] = node["cluster"];
      shown.push_back(std::move(one));
    }
  ASSERT_EQ(shown.size(), list["items"].size());
  EXPECT_EQ(map["total"], list["total"]);
  EXPECT_EQ(map["shown"], list["total"]);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const Json& row = list["items"][i];
    for (const char* name : {"id", "cluster", "node", "modelKey", "presence", "health", "use", "temperatureCelsius",
                             "powerWatts", "migEnabled"})
      EXPECT_EQ(shown[i][name], row[name]) << name;
    EXPECT_EQ(shown[i]["utilization"], row["utilization"]["device"]);
    EXPECT_EQ(shown[i]["parts"].size(), row["instances"].size());
  }
  const auto cut = std::ranges::find_if(shown, [](const Json& one) { return one["id"] == "w-1-GPU-01"; });
  ASSERT_NE(cut, shown.end());
  EXPECT_EQ((*cut)["parts"], Json::parse(R"([[0.2857,"2g.20gb",3,60.0,null,"serving","active"],
    [0.1429,"1g.10gb",9,90.0,null,null,"free"],[0.1429,"1g.10gb",10,80.0,null,null,"free"]])"));
  EXPECT_EQ((*cut)["namespace"], "serving");
}

TEST_F(ApiTest, TheHeatMapLeavesOutWholeNodesBeyondItsLimit) {
  const Json all = json("/gpu/heatmap"), some = json("/gpu/heatmap", "limit=3");
  EXPECT_EQ(some["total"], all["total"]);
  EXPECT_LE(some["shown"], 3);
  EXPECT_LT(some["nodes"].size(), all["nodes"].size());
  EXPECT_EQ(json("/gpu/heatmap", "nodeName=w-1")["total"], 2);
}

TEST_F(ApiTest, TheOverviewIsThatOfTheFleet) {
  const Json of = json("/gpu/overview");
  EXPECT_EQ(of["totalGpuDevices"], 7);
  EXPECT_EQ(of["totalMigInstances"], 3);
  EXPECT_EQ(of["devicesByModel"], (Json{{"H100_80GB", 2}, {"NVIDIA Unheard Of 9000", 2}, {"T4", 3}}));
  EXPECT_EQ(of["devicesByPresence"], (Json{{"present", 6}, {"stale", 1}, {"missing", 0}, {"retired", 0}}));
  EXPECT_EQ(of["instancesByProfile"], (Json{{"H100_1G10GB", 2}, {"H100_2G20GB", 1}}));
  EXPECT_EQ(of["totalSessions"], 2);
  EXPECT_EQ(of["unattributedSessions"], 1);
  const Json part = json("/gpu/overview", "cluster=b");
  EXPECT_EQ(part["totalGpuDevices"], 2);
  EXPECT_EQ(part["overallGpuUtilization"], 25);
  EXPECT_TRUE(part["totalSessions"].is_null()) << "dcgm-exporter tells none";
  EXPECT_TRUE(part["unattributedSessions"].is_null());
  EXPECT_EQ(part["topNamespaces"][0]["namespace"], "ml");
  EXPECT_TRUE(part["topNamespaces"][0]["sessionCount"].is_null());
  EXPECT_EQ(json("/gpu/overview", "cluster=none")["totalNodes"], 0);
}

TEST_F(ApiTest, ADeviceIsFoundByIdAndUuid) {
  const Json cut = json("/gpu/devices/w-1-GPU-01");
  EXPECT_EQ(cut, json("/gpu/devices/GPU-a1"));
  EXPECT_EQ(cut["utilization"]["device"], 41.43);
  EXPECT_EQ(cut["utilization"]["allocated"], 72.5);
  EXPECT_EQ(cut["utilization"]["source"], "graphics_engine");
  EXPECT_EQ(cut["instances"][0]["profileKey"], "H100_2G20GB");
  EXPECT_EQ(cut["profiles"][0]["freePlacements"], (Json::array({{{"start", 4}, {"size", 2}}})));
  EXPECT_EQ(cut["sessions"][0]["holds"], true);
  const Json whole = json("/gpu/devices/GPU-a0");
  EXPECT_EQ(whole["readings"]["temperatureCelsius"], 61);
  EXPECT_EQ(whole["sessions"][0]["attribution"], "host");
  EXPECT_EQ(whole["xids"][0]["blame"], "application");
  EXPECT_EQ(whole["health"], "healthy");
  const auto path = [](const std::string& id) { return std::string(kApi) + "/gpu/devices/" + id; };
  EXPECT_EQ(get(path("nope")).status, 404);
  const auto twice = get(path("w-2-GPU-00"));
  EXPECT_EQ(twice.status, 409);
  EXPECT_THAT(twice.body, HasSubstr("b, default"));
  EXPECT_EQ(json("/gpu/devices/w-2-GPU-00", "cluster=b")["health"], "unhealthy");
  EXPECT_EQ(get(std::string(kApi) + "/gpu/nodes/w-2").status, 409);
}

TEST_F(ApiTest, FiltersMustAllMatch) {
  struct Case {
    std::string path, query;
    std::vector<std::string> ids;
  };
  const Case kCases[] = {
      {"/gpu/devices", "nodeName=w-1", {"w-1-GPU-00", "w-1-GPU-01"}},
      {"/gpu/devices", "model=T4&cluster=b", {"w-2-GPU-00"}},
      {"/gpu/devices", "model=NVIDIA+H100+80GB+HBM3&namespace=serving", {"w-1-GPU-01"}},
      {"/gpu/devices", "presence=stale", {"w-0-GPU-00"}},
      {"/gpu/devices", "presence=retired", {}},
      {"/gpu/devices", "health=unhealthy,unknown", {"w-2-GPU-00", "w-0-GPU-00", "w-2-GPU-00"}},
      {"/gpu/devices", "use=free", {"w-2-GPU-01", "w-2-GPU-01"}},
      {"/gpu/devices", "search=LLM-0", {"w-1-GPU-01"}},
      {"/gpu/devices", "fieldSelector=node%3Dw-1,migEnabled%3D%3Dtrue", {"w-1-GPU-01"}},
      {"/gpu/devices", "fieldSelector=node!%3Dw-1,use%3Dfree&cluster=b", {"w-2-GPU-01"}},
      {"/gpu/devices", "search=gpu-a", {"w-1-GPU-00", "w-1-GPU-01"}},
      {"/gpu/devices", "nodeName=w-1&sort=-utilization", {"w-1-GPU-00", "w-1-GPU-01"}},
      {"/gpu/devices", "cluster=default&sort=temperatureCelsius,-id&limit=2", {"w-1-GPU-00", "w-2-GPU-01"}},
  };
  for (const Case& c : kCases) {
    std::vector<std::string> ids;
    const Json page = json(c.path, c.query);
    for (const Json& row : page["items"]) ids.push_back(row["id"]);
    EXPECT_EQ(ids, c.ids) << c.query;
  }
  const auto count = [&](const std::string& path, const std::string& query) { return json(path, query)["total"]; };
  EXPECT_EQ(count("/gpu/instances", "profile=H100_1G10GB"), 2);
  EXPECT_EQ(count("/gpu/instances", "profile=2g.20gb&use=active&namespace=serving"), 1);
  EXPECT_EQ(count("/gpu/instances", "use=free"), 2);
  EXPECT_EQ(count("/gpu/sessions", "state=active&attribution=host"), 1);
  EXPECT_EQ(count("/gpu/sessions", "pod=u1&command=PYTHON"), 1);
  EXPECT_EQ(count("/gpu/pods", "namespace=ml"), 2);
  EXPECT_EQ(count("/gpu/pods", "deviceId=GPU-a1"), 1);
  EXPECT_EQ(count("/gpu/models", "present=true"), 3);
  EXPECT_EQ(count("/gpu/mig-profiles", ""), 2);
  EXPECT_EQ(count("/gpu/health", ""), 3);
  EXPECT_EQ(count("/gpu/health", "severity=critical&kind=xid&cluster=b"), 1);
  EXPECT_EQ(count("/gpu/nodes", "model=H100_80GB"), 1);
  const Json models = json("/gpu/models");
  for (const Json& row : models["items"]) EXPECT_EQ(row["supported"], row["key"] == "H100_80GB");
}

TEST_F(ApiTest, PagesMakeUpTheList) {
  const auto ids = [](const Json& page, std::vector<std::string>& into) {
    for (const Json& row : page["items"])
      into.push_back(row["cluster"].get<std::string>() + row["uuid"].get<std::string>());
  };
  for (const char* sort : {"", "sort=-utilization&", "sort=modelKey,-id&", "sort=powerWatts&", "sort=-idleSince&"}) {
    std::vector<std::string> whole, parts;
    ids(json("/gpu/devices", std::string(sort)), whole);
    std::string cursor;
    for (int page = 0; page < 10; ++page) {
      const Json got =
          json("/gpu/devices", std::string(sort) + "limit=2" + (cursor.empty() ? "" : "&cursor=" + cursor));
      EXPECT_EQ(got["total"], 7);
      ids(got, parts);
      if (got["nextCursor"].is_null()) break;
      cursor = got["nextCursor"];
    }
    EXPECT_EQ(parts, whole) << sort;
    EXPECT_EQ(whole.size(), 7U);
  }
  const auto first = get(std::string(kApi) + "/gpu/devices", "limit=2&search=w-");
  const std::string cursor = Json::parse(first.body)["nextCursor"];
  EXPECT_THAT(first.headers, testing::Contains(testing::Pair("Link", HasSubstr("limit=2&search=w-&cursor=" + cursor))));
  EXPECT_EQ(get(std::string(kApi) + "/gpu/devices", "cursor=" + cursor).status, 400) << "of another list";
  EXPECT_EQ(get(std::string(kApi) + "/gpu/devices", "cursor=00ff").status, 400);
}

TEST_F(ApiTest, SaysWhatIsWrongWithAQuery) {
  struct Case {
    std::string query, parameter, detail;
  };
  const Case kCases[] = {
      {"nodename=a", "nodename", "the nearest is nodeName"},
      {"limit=0", "limit", "from 1 to 1000"},
      {"limit=1001", "limit", "from 1 to 1000"},
      {"health=ill", "health", "one of healthy, degraded, unhealthy, unknown is expected"},
      {"sort=colour", "sort", "'colour', but some of id, cluster"},
      {"cluster=", "cluster", "a value is expected"},
      {"model=T4,,A30", "model", "separated by commas"},
      {"cluster=a&cluster=b", "cluster", "twice"},
      {"search=%ff", "search", "not percent-encoded UTF-8"},
      {"fieldSelector=use", "fieldSelector", "field!=value is expected"},
      {"fieldSelector=heat%3D1", "fieldSelector", "there is no field 'heat'; there are id, uuid"},
  };
  for (const Case& c : kCases) {
    const auto reply = get(std::string(kApi) + "/gpu/devices", c.query);
    EXPECT_EQ(reply.status, 400) << c.query;
    const Json problem = Json::parse(reply.body);
    EXPECT_EQ(problem["type"], "urn:tessera:problem:invalid-parameter");
    EXPECT_EQ(problem["errors"][0]["parameter"], c.parameter) << c.query;
    EXPECT_THAT(problem["errors"][0]["detail"].get<std::string>(), HasSubstr(c.detail)) << c.query;
  }
  const auto both = Json::parse(get(std::string(kApi) + "/gpu/devices", "limit=0&use=no").body);
  EXPECT_EQ(both["errors"].size(), 2U);
}

TEST_F(ApiTest, ATableIsNoFormula) {
  const auto reply = get(std::string(kApi) + "/gpu/sessions", "attribution=host", "text/csv");
  EXPECT_THAT(reply.content_type, HasSubstr("text/csv"));
  EXPECT_THAT(reply.body, HasSubstr(",4205,'=cmd|calc,C,"));
  EXPECT_THAT(get(std::string(kApi) + "/gpu/devices", "limit=100000", "text/csv").body, HasSubstr("\r\nw-1-GPU-01,"));
}

TEST_F(ApiTest, IsNotReadyBeforeItKnowsWhatItKnew) {
  EXPECT_EQ(get("/readyz").status, 200);
  started = false;
  EXPECT_EQ(get("/readyz").status, 503);
  EXPECT_EQ(get("/livez").status, 200);
  const auto refused = get(std::string(kApi) + "/gpu/overview");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(Json::parse(refused.body)["type"], "urn:tessera:problem:starting");
  EXPECT_THAT(refused.headers, testing::Contains(testing::Key("Retry-After")));
}

TEST_F(ApiTest, MetricsTellOfFleetAndServer) {
  get(std::string(kApi) + "/gpu/devices", "limit=0");
  const std::string page = get("/metrics").body;
  EXPECT_THAT(page, HasSubstr("tessera_server_route_requests_total{method=\"GET\",route=\"/k8s-monitor/api/v1/gpu/"
                              "devices\",code=\"4xx\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\ngpu_utilization{device_id=\"w-1-GPU-00\",model=\"H100_80GB\"} 63.1\n"));
  EXPECT_THAT(page, HasSubstr("\ngpu_temperature{device_id=\"w-1-GPU-00\"} 61\n"));
  EXPECT_THAT(page, HasSubstr("\nmig_allocation_ratio{profile=\"2g.20gb\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nmig_allocation_ratio{profile=\"1g.10gb\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("\ntessera_server_devices{presence=\"stale\"} 1\n"));
  EXPECT_THAT(get("/metrics", "", "application/openmetrics-text").body, testing::EndsWith("# EOF\n"));
}

TEST_F(ApiTest, TheDocumentIsServed) {
  EXPECT_EQ(get("/openapi.yaml").body, openapi_yaml());
  for (std::size_t i = 0; i < gpu::kReadingCount; ++i)
    EXPECT_TRUE(check.member(check.at({"components", "schemas", "Readings"}),
                             std::string(reading_name(static_cast<gpu::Reading>(i)))));
}

TEST(SchemaCheck, SeesEachFault) {
  const auto document = config::load(
      "a: {type: object, required: [n], properties: {n: {type: [integer, 'null'], minimum: 0}, w: {type: string, enum: "
      "[x, y]}, t: {type: string, format: date-time}, l: {type: array, uniqueItems: true, items: {type: string, "
      "pattern: '^z'}}}}",
      "");
  ASSERT_TRUE(document);
  const SchemaCheck check(*document);
  const auto faults = [&](const char* text) { return check.wrong_in(Json::parse(text), check.at({"a"})).size(); };
  EXPECT_EQ(faults(R"({"n":1,"w":"x","t":"2026-07-31T10:00:00.000Z","l":["za","zb"]})"), 0U);
  EXPECT_EQ(faults(R"({"n":null})"), 0U);
  for (const char* bad : {"[]", "{}", R"({"n":1.5})", R"({"n":-1})", R"({"n":1,"w":"q"})", R"({"n":1,"t":"today"})",
                          R"({"n":1,"l":["a"]})", R"({"n":1,"l":["za","za"]})", R"({"n":1,"more":1})"})
    EXPECT_GE(faults(bad), 1U) << bad;
}

}  // namespace
}  // namespace tessera::server
