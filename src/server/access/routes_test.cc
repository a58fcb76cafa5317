// Over the API's document: no route is reached without its scope, and nobody who is restricted sees what is others'.
// Everything of others has "hidden" in its name here, so that a leak is seen wherever it comes out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/text.h"
#include "config/yaml.h"
#include "fleet/cluster/cluster_state.h"
#include "fleet/inventory/told_pages.h"
#include "http/router.h"
#include "server/access/api_access.h"
#include "server/advice/advisor.h"
#include "server/alerts/alerts.h"
#include "server/alerts/notifier.h"
#include "server/allocation_wish.h"
#include "server/allocations.h"
#include "server/benchmarks/benchmarks.h"
#include "server/budgets/budgets.h"
#include "server/cost/costs.h"
#include "server/openapi.h"
#include "server/routes.h"
#include "store/archive.h"
#include "store/database.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using Json = nlohmann::ordered_json;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kMinute = 60'000;
constexpr std::string_view kContext = "/k8s-monitor";

/// ml has a board, an instance beside one of others, and a part in a board that is shared.
constexpr std::string_view kMixed = R"(
gpu_up{gpu="0",UUID="GPU-a0"} 1
gpu_up{gpu="1",UUID="GPU-a1"} 1
gpu_up{gpu="2",UUID="GPU-a2"} 1
gpu_up{gpu="3",UUID="GPU-hidden-3"} 1
gpu_device_info{gpu="0",UUID="GPU-a0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_device_info{gpu="1",UUID="GPU-a1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_device_info{gpu="2",UUID="GPU-a2",model="Tesla T4"} 1
gpu_device_info{gpu="3",UUID="GPU-hidden-3",model="hidden model"} 1
gpu_device_compute_slices{gpu="0",UUID="GPU-a0"} 7
gpu_device_compute_slices{gpu="1",UUID="GPU-a1"} 7
gpu_profile_info{gpu="1",UUID="GPU-a1",profile="2g.20gb",profile_id="14",compute_slices="2",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-3",start="0",size="2"} 1
gpu_instance_info{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-hidden-9",start="2",size="1"} 1
gpu_allocation_info{gpu="0",UUID="GPU-a0",resource="nvidia.com/gpu",share="exclusive",pod="train-0",namespace="ml",container="main",pod_uid="u0"} 1
gpu_allocation_info{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",pod="llm-0",namespace="ml",container="main",pod_uid="u1"} 1
gpu_allocation_info{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_CI_ID="0",resource="nvidia.com/mig-1g.10gb",share="exclusive",pod="hidden-0",namespace="hidden",container="hidden-c",pod_uid="hidden-u9"} 1
gpu_allocation_info{gpu="2",UUID="GPU-a2",resource="nvidia.com/gpu.shared",share="time-slicing",pod="share-0",namespace="ml",container="main",pod_uid="u2"} 1
gpu_allocation_info{gpu="2",UUID="GPU-a2",resource="nvidia.com/gpu.shared",share="time-slicing",pod="hidden-2",namespace="hidden",container="hidden-c",pod_uid="hidden-u2"} 1
gpu_process_info{gpu="0",UUID="GPU-a0",pid="11",command="python3",type="C",status="active",attribution="pod",pod="train-0",namespace="ml",container="main",pod_uid="u0"} 1
gpu_process_info{gpu="0",UUID="GPU-a0",pid="12",command="hidden-host",type="C",status="active",attribution="host",pod="unknown",namespace="",container=""} 1
gpu_process_info{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_CI_ID="0",pid="13",command="hidden-cmd",type="C",status="active",attribution="pod",pod="hidden-0",namespace="hidden",container="hidden-c",pod_uid="hidden-u9"} 1
gpu_process_info{gpu="3",UUID="GPU-hidden-3",pid="14",command="hidden-cmd",type="C",status="active",attribution="pod",pod="hidden-3",namespace="hidden",container="hidden-c",pod_uid="hidden-u3"} 1
gpu_xid_errors_total{gpu="1",UUID="GPU-a1",xid="31"} 5
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-a0"} 0.5
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-a1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"} 0.7
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-a1",GPU_I_ID="9",GPU_I_PROFILE="1g.10gb"} 0.9
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a0"} 100
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-a1"} 512
DCGM_FI_DEV_GPU_TEMP{gpu="1",UUID="GPU-a1"} 61
)";
/// Before that, ml's board was cut, and others had it.
constexpr std::string_view kPast = R"(
gpu_device_info{gpu="0",UUID="GPU-a0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_device_compute_slices{gpu="0",UUID="GPU-a0"} 7
gpu_instance_info{gpu="0",UUID="GPU-a0",GPU_I_ID="5",GPU_CI_ID="0",GPU_I_PROFILE="7g.80gb",mig_uuid="MIG-hidden-5",start="0",size="8"} 1
gpu_allocation_info{gpu="0",UUID="GPU-a0",GPU_I_ID="5",GPU_CI_ID="0",resource="nvidia.com/mig-7g.80gb",share="exclusive",pod="hidden-old",namespace="hidden",container="hidden-c",pod_uid="hidden-u0"} 1
gpu_process_info{gpu="0",UUID="GPU-a0",GPU_I_ID="5",GPU_CI_ID="0",pid="21",command="hidden-old",type="C",status="active",attribution="pod",pod="hidden-old",namespace="hidden",container="hidden-c",pod_uid="hidden-u0"} 1
gpu_process_info{gpu="0",UUID="GPU-a0",GPU_I_ID="5",GPU_CI_ID="0",pid="22",command="guest",type="C",status="active",attribution="pod",pod="guest-0",namespace="ml",container="main",pod_uid="u8"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-a0",GPU_I_ID="5",GPU_I_PROFILE="7g.80gb"} 0.9
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a0"} 600
)";
constexpr std::string_view kOthers = R"(
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-hidden-b",modelName="hidden model",pod="hidden-b",namespace="hidden",container="hidden-c"} 50
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-hidden-b",modelName="hidden model",pod="hidden-b",namespace="hidden",container="hidden-c"} 79
)";

struct Sample {
  std::string_view path;
  std::string_view own{};     ///< in the place of its parameters, where it has some: what ml has
  std::string_view others{};  ///< and what it has not
  std::string_view nobody{};  ///< and what there is not
  std::vector<std::string_view> queries{};
};
// A route that tells a restricted caller of his part stands here; the test below fails for one that does not.
const Sample kSamples[] = {
    {"/livez"},
    {"/readyz"},
    {"/openapi.yaml"},
    {"/access/whoami"},
    {"/access/oidc"},
    {"/gpu/overview", "", "", "", {"cluster=default", "cluster=hidden"}},
    {"/gpu/heatmap", "", "", "", {"limit=1", "nodeName=w-hidden", "cluster=hidden"}},
    {"/gpu/nodes", "", "", "", {"limit=1", "search=hidden", "model=hidden+model", "presence=retired,present"}},
    {"/gpu/nodes/{node}", "w-1", "w-hidden", "w-nobody"},
    {"/gpu/devices",
     "",
     "",
     "",
     {"limit=1", "namespace=hidden", "search=hidden", "nodeName=w-hidden", "sort=-powerWatts"}},
    {"/gpu/devices/{deviceId}", "w-1-GPU-01", "w-hidden-GPU-00", "w-nobody-GPU-00"},
    {"/gpu/devices/{deviceId}", "GPU-a2", "GPU-hidden-3", "GPU-nobody-3"},
    {"/gpu/instances", "", "", "", {"namespace=hidden", "deviceId=GPU-a1", "use=active"}},
    {"/gpu/sessions",
     "",
     "",
     "",
     {"namespace=hidden", "attribution=host", "deviceId=GPU-a0", "search=hidden", "state=past", "state=all",
      "state=past&namespace=hidden"}},
    {"/gpu/pods", "", "", "", {"namespace=hidden", "deviceId=GPU-a2", "limit=1", "pod=hidden-0"}},
    {"/gpu/utilization",
     "",
     "",
     "",
     {"groupBy=namespace", "groupBy=pod", "groupBy=node", "groupBy=model", "pod=hidden-0", "window=20m",
      "window=20m&groupBy=pod", "window=20m&groupBy=team", "window=20m&namespace=hidden", "window=20m&pod=hidden-old"}},
    {"/gpu/devices/{deviceId}/metrics", "GPU-a0", "GPU-hidden-3", "GPU-nobody-3", {"step=1m"}},
    {"/gpu/devices/{deviceId}/layouts", "GPU-a0", "GPU-hidden-3", "GPU-nobody-3"},
    {"/gpu/devices/{deviceId}/xids", "GPU-a0", "GPU-hidden-3", "GPU-nobody-3"},
    {"/events", "", "", "", {"namespace=hidden"}},
    {"/gpu/serving"},
    {"/gpu/models", "", "", "", {"present=true"}},
    {"/gpu/mig-profiles"},
    {"/gpu/health", "", "", "", {"severity=critical,warning,info"}},
    {"/cost/allocation",
     "",
     "",
     "",
     {"aggregate=namespace,pod,node", "aggregate=device&includeIdle=true", "shareIdle=true&idleByNode=true",
      "window=24h&step=1h&aggregate=team"}},
    {"/cost/teams", "", "", "", {"window=24h"}},
    {"/cost/projects", "", "", "", {"window=24h"}},
    {"/cost/trend", "", "", "", {"window=24h&aggregate=pod"}},
    {"/cost/export", "", "", "", {"window=24h", "window=24h&format=focus"}},
    {"/cost/tokens"},
    {"/advice", "", "", "", {"namespace=hidden", "limit=1"}},
    {"/advice/{adviceId}", "idle-held-own", "idle-held-hid", "idle-held-not"},
    {"/benchmarks", "", "", "", {"name=hidden", "limit=1"}},
    {"/benchmarks/export", "", "", "", {"format=json"}},
    {"/benchmarks/compare", "", "", "", {"by=driver"}},
    {"/benchmarks/regressions"},
    {"/budgets", "", "", "", {"scope=namespace", "scopeName=hidden", "limit=1"}},
    {"/budgets/{budgetId}", "b-own", "b-hid", "b-not"},
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().what);
  return *std::move(result);
}

struct Operation {
  std::string method, path;
  std::string full;  ///< as the router has it
  std::optional<Scope> scope;
  bool refused = false;
};

struct RoutesTest : testing::Test {
  RoutesTest() {
    for (EpochMs time = kStart - 20 * kMinute; time <= kStart; time += 30'000)
      told.scrape(time, R"(node="w-1",job="agent")", std::string(time < kStart - 10 * kMinute ? kPast : kMixed));
    told.scrape(kStart, R"(node="w-hidden",job="dcgm")", std::string(kOthers));
    told.scrape(kStart, R"(node="w-1",cluster="hidden",job="dcgm")", std::string(kOthers));
    told.fleet.advance(kStart + 20'000);
    keep_past();
    Published next;
    next.view = told.fleet.publish(kStart + 20'000);
    next.overviews = fold.of(*next.view);
    fleet::ServingView serving;
    for (const char* space : {"ml", "hidden", ""}) {
      fleet::Served engine;
      engine.cluster = "default";
      engine.space = space;
      engine.pod = std::string(space) == "ml" ? "llm-0" : "hidden-engine";
      engine.node = std::string(space) == "ml" ? "w-1" : "w-hidden";
      engine.model = engine.pod;
      serving.engines.push_back(std::make_shared<const fleet::Served>(std::move(engine)));
    }
    next.serving = std::make_shared<const fleet::ServingView>(std::move(serving));
    fleet::ClusterState state("default", {"team"});
    for (const char* name : {"ml", "hidden"}) {
      state.put(fleet::ClusterNamespace{name, {{"team", name}}, {}});
      fleet::ClusterPod pod;
      pod.space = name;
      pod.name = std::string(name) + "-waits";
      pod.requests = {{"nvidia.com/gpu", 1}};
      state.put(pod);
    }
    for (const char* name : {"w-1", "w-hidden"}) {
      fleet::ClusterNode node;
      node.name = name;
      node.allocatable = {{"nvidia.com/gpu", 4}};
      state.put(node);
    }
    auto cluster = std::make_shared<fleet::ClusterView>(*state.view());
    cluster->synced = true;
    next.cluster = std::move(cluster);
    published.publish(std::move(next));
  }

  void keep_past() {
    told.fleet.meter().settle(kStart + 20'000);
    const auto usage = told.fleet.meter().take();
    const auto sessions = told.fleet.take_ended();
    const auto layouts = told.fleet.take_layouts();
    store::Archive archive(*database, 30s, {});
    std::vector<fleet::Remembered> devices;
    const auto view = told.fleet.publish(kStart + 20'000);
    for (const auto& node : view->nodes)
      for (const fleet::Device& device : node->devices) devices.push_back({node->cluster, node->name, device});
    const auto kept_all = archive.keep(
        {sessions, layouts, {}, devices, &usage, {1, 0, kStart}},
        [&](std::uint32_t one) { return told.fleet.usage_subject(one); }, kStart);
    if (!kept_all) throw std::runtime_error(kept_all.error().what);
  }

  std::string key(KeyWish wish) {
    wish.name = "test";
    const MadeKey made = must(make_key(wish, "test", now_epoch_ms()));
    last = made.row.id;
    EXPECT_TRUE(
        access->changes().read([&](store::Database& db) { return db.atomically([&] { return add_key(db, made); }); }));
    EXPECT_TRUE(access->reload());
    return made.secret;
  }

  static std::string filled(std::string_view path, std::string_view with) {
    const auto open = path.find('{');
    if (open == std::string_view::npos) return std::string(path);
    return std::string(path.substr(0, open)) + std::string(with) + std::string(path.substr(path.find('}') + 1));
  }

  /// What the route's admission says: nothing where it lets in.
  std::optional<http::Response> admit(http::Request& request, const http::Route*& route) {
    request.peer = std::to_string(++peers);  // who guesses is held up; not here
    auto found = router->find(request.method, request.path);
    if (auto* reply = std::get_if<http::Response>(&found)) return *reply;
    auto& match = std::get<http::Router::Match>(found);
    request.params = match.params;
    route = match.route;
    return match.route->admit(request);
  }
  http::Request request(const std::string& method, const std::string& path, const std::string& secret) {
    http::Request out;
    out.method = method;
    out.path = path;
    if (!secret.empty()) out.headers.emplace_back("Authorization", "Bearer " + secret);
    return out;
  }
  int admitted(const Operation& of, const std::string& secret) {
    http::Request asked = request(of.method, filled(of.full, "x"), secret);
    const http::Route* route = nullptr;
    const auto refused = admit(asked, route);
    return refused ? refused->status : 200;
  }
  http::Response ask(const std::string& path, const std::string& secret, std::string_view query = "",
                     const std::string& accept = "") {
    http::Request asked = request("GET", path, secret);
    asked.query = query;
    if (!accept.empty()) asked.headers.emplace_back("Accept", accept);
    const http::Route* route = nullptr;
    if (auto refused = admit(asked, route)) return *refused;
    http::Response reply = route->handle(asked);
    reply.body = std::string(body_of(reply));
    return reply;
  }
  Json json(const std::string& path, const std::string& secret, std::string_view query = "") {
    const auto reply = ask(std::string(kContext) + "/api/v1" + path, secret, query);
    EXPECT_EQ(reply.status, 200) << path << reply.body;
    return Json::parse(reply.body, nullptr, false);
  }

  std::vector<Operation> operations() const {
    std::vector<Operation> out;
    const auto document = must(config::load(openapi_yaml(), "openapi.yaml"));
    for (const auto& [path, item] : *document.find("paths")->entries())
      for (const auto& [method, operation] : *item.entries()) {
        if (method != "get" && method != "post" && method != "delete" && method != "put" && method != "patch") continue;
        Operation one;
        for (const char c : method) one.method += static_cast<char>(std::toupper(c));
        one.path = path;
        std::string root = std::string(kContext) + "/api/v1";
        if (const auto servers = item.find("servers")) {
          root = *(*servers->list())[0].find("url")->text();
          while (root.ends_with('/')) root.pop_back();
        }
        one.full = root + path;
        if (const auto scope = operation.find("x-scope")) one.scope = scope_named(*scope->text());
        EXPECT_NE(one.scope.has_value(), operation.find("security").has_value()) << path << ": x-scope or security: []";
        one.refused = operation.find("x-restricted").has_value();
        out.push_back(std::move(one));
      }
    return out;
  }

  fleet::ToldPages told;
  fleet::OverviewFold fold;
  Latest<Published> published, kept;
  TempDir folder;
  std::unique_ptr<journal::Journal> journal = must(journal::Journal::open({.dir = folder.path() / "intake"}));
  std::string url = "sqlite:" + (folder.path() / "tessera.db").string();
  std::unique_ptr<store::Database> database = must(store::Database::open(url));
  store::Readers readers{url, 2};
  std::unique_ptr<Access> access =
      must(Access::open(must(store::Database::open("sqlite::memory:")), {}, "127.0.0.1:0"));
  Keeper keeper{{}, kept, *database, *journal};
  Intake intake{{}, *journal, keeper};
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
  Costs costs{{{}, owner_rules({}, {"team"}, {})}, published, readers};
  Changes budget_changes{must(store::Database::open(url))};
  Budgets budgets{published, budget_changes, readers, [] { return true; }, {.look_every = {}}};
  Benchmarks benchmarks{published, access->changes(), readers, &costs};
  Advisor advisor{published, access->changes(), readers, &costs, [] { return true; }, {.runs = false}};
  Told what() {
    Told out{published,
             intake,
             keeper,
             *journal,
             [] { return std::nullopt; },
             [] { return true; },
             {},
             *access,
             leadership,
             History{&readers, 30s, {}},
             events,
             proxy,
             wanted,
             *allocations,
             *alerts,
             *notifier};
    out.costs = &costs;
    out.budgets = &budgets;
    out.advisor = &advisor;
    out.benchmarks = &benchmarks;
    return out;
  }
  std::unique_ptr<http::Router> router =
      std::make_unique<http::Router>(must(http::Router::build(routes(what(), std::string(kContext)))));
  std::string last;
  int peers = 0;
};

TEST_F(RoutesTest, EachRouteHasARuleAndTheDocumentSaysIt) {
  for (const Operation& one : operations()) {
    const Rule* rule = rule_of(one.method, one.full, kContext);
    ASSERT_TRUE(rule) << one.method << ' ' << one.full << ": access/rules.cc has no row for it";
    EXPECT_EQ(rule->scope, one.scope) << one.full;
    EXPECT_EQ(rule->tenants == Tenants::Refused, one.refused) << one.full;
  }
}

TEST_F(RoutesTest, NoRouteIsReachedWithoutItsScope) {
  const std::string expired = key({.name = "t", .scopes = {"admin"}, .expires_in = Milliseconds(1)});
  const std::string revoked = key({.name = "t", .scopes = {"admin"}});
  ASSERT_TRUE(access->changes().read([&](store::Database& db) { return store::revoke_key(db, last, 1); }));
  std::vector<std::pair<Scopes, std::string>> keys;
  for (const std::string_view name : scope_names())
    keys.emplace_back(must(scopes_of({std::string(name)})), key({.name = "t", .scopes = {std::string(name)}}));
  const std::string tenant = key({.name = "t", .scopes = {"read", "write", "operate"}, .namespaces = {{"ml"}}});
  std::string wrong = tenant;
  wrong.back() = wrong.back() == 'A' ? 'B' : 'A';
  const EpochMs made = now_epoch_ms();
  while (now_epoch_ms() <= made + 1) std::this_thread::yield();
  for (const Operation& one : operations()) {
    for (const std::string& bad : {std::string(), wrong, expired, revoked, std::string("tsk_"), std::string("a.b.c")})
      EXPECT_EQ(admitted(one, bad), one.scope ? 401 : 200) << one.method << ' ' << one.full << ' ' << bad;
    for (const auto& [scopes, secret] : keys)
      EXPECT_EQ(admitted(one, secret), !one.scope || scopes.allow(*one.scope) ? 200 : 403)
          << one.method << ' ' << one.full << ' ' << testing::PrintToString(scopes.names());
    const bool may = !one.scope || (!one.refused && *one.scope != Scope::Admin && *one.scope != Scope::Ingest &&
                                    *one.scope != Scope::Node);
    EXPECT_EQ(admitted(one, tenant), may ? 200 : 403) << one.method << ' ' << one.full;
  }
}

TEST_F(RoutesTest, WhoIsRestrictedSeesNothingOfOthers) {
  const std::string all = key({.name = "t", .scopes = {"read"}});
  const std::string ml = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  // What waits says what is in its way, which is not for everybody.
  const auto waits = [&](const std::string& space) {
    auto wish = must(
        parse_allocation_wish(R"({"namespace":")" + space + R"(","podName":"p","requiredMemoryGb":500,"wait":true})"));
    wish.cluster = "default";
    return Json::parse(allocations->ask({}, wish).body).value("id", "");
  };
  const std::string own = waits("ml"), others = waits("hidden");
  for (const auto& [id, space] : {std::pair("b-own", "ml"), std::pair("b-hid", "hidden")}) {
    store::KeptBudget budget;
    budget.budget.id = id;
    budget.budget.name = space;
    budget.budget.scope = {fleet::budgets::ScopeKind::Namespace, space};
    budget.budget.currency = "USD";
    ASSERT_TRUE(store::put_budget(*database, budget));
  }
  ASSERT_TRUE(budgets.look());
  std::vector<store::AdviceSaid> said;
  for (const auto& [id, space] : {std::pair("idle-held-own", "ml"), std::pair("idle-held-hid", "hidden")})
    said.push_back({.id = id,
                    .kind = "idle-held",
                    .cluster = "c",
                    .space = space,
                    .name = space,
                    .aim = {},
                    .per_month = {},
                    .body = "{}"});
  ASSERT_TRUE(store::keep_advice(*database, said));
  std::vector<Sample> samples(std::begin(kSamples), std::end(kSamples));
  const std::string nobody(own.size(), 'x');
  samples.push_back({"/gpu/allocations", "", "", "", {"state=waiting", "namespace=hidden"}});
  samples.push_back({"/gpu/allocations/{allocationId}", own, others, nobody});
  for (const Operation& one : operations()) {
    if (one.method != "GET" || one.refused) continue;
    if (one.path.starts_with("/forecast/")) continue;  // of teams, not of namespaces: api_forecast_test.cc
    const bool listed = std::ranges::any_of(samples, [&](const Sample& sample) { return sample.path == one.path; });
    EXPECT_TRUE(listed) << one.path << ": a route that a restricted caller may use has no row in this test";
    for (const Sample& sample : samples) {
      if (sample.path != one.path || one.path == "/openapi.yaml") continue;
      std::vector<std::string_view> queries = sample.queries;
      queries.emplace_back("");
      for (const std::string_view query : queries)
        for (const char* accept : {"application/json", "text/csv"}) {
          const auto reply = ask(filled(one.full, sample.own), ml, query, accept);
          EXPECT_EQ(reply.status, 200) << one.path << '?' << query << reply.body;
          EXPECT_THAT(reply.body, Not(HasSubstr("hidden"))) << one.path << '?' << query;
          for (const auto& [name, value] : reply.headers)
            EXPECT_TRUE(name == "Link" || value.find("hidden") == std::string::npos)
                << one.path << ' ' << name << value;
        }
      if (sample.others.empty()) continue;
      EXPECT_EQ(ask(filled(one.full, sample.others), all).status, 200) << "the sample is wrong: " << sample.others;
      const auto not_his = ask(filled(one.full, sample.others), ml),
                 not_there = ask(filled(one.full, sample.nobody), ml);
      EXPECT_EQ(not_his.status, 404) << sample.others;
      Json a = Json::parse(not_his.body), b = Json::parse(not_there.body);
      EXPECT_EQ(a["type"], b["type"]);
      const auto known = a["detail"].get<std::string>(), unknown = b["detail"].get<std::string>();
      EXPECT_EQ(known.size() - sample.others.size(), unknown.size() - sample.nobody.size())
          << known << " must be told from " << unknown << " by nothing but the name";
    }
  }
}

TEST_F(RoutesTest, CostsAreOfWhatOneHadAlone) {
  const std::string all = key({.name = "t", .scopes = {"read"}});
  const std::string ml = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  const Json whole = json("/cost/teams", all, "window=24h"), own = json("/cost/teams", ml, "window=24h");
  EXPECT_EQ(whole["items"].size(), 2U) << whole;
  ASSERT_EQ(own["items"].size(), 1U) << own;
  EXPECT_EQ(own["items"][0]["team"], "ml");
  EXPECT_EQ(own["all"], own["items"][0]["cost"]) << "what nobody has is not told";
  EXPECT_NE(whole["nobodys"]["unallocated"], "0.00");
}

TEST_F(RoutesTest, ThePastIsOfWhatOneHadAlone) {
  const std::string all = key({.name = "t", .scopes = {"read"}});
  const std::string ml = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  const std::string api = std::string(kContext) + "/api/v1/gpu/devices/";
  const std::string metrics = "/gpu/devices/GPU-a0/metrics", range = "start=1799998800&end=1800000000&step=10m";
  const Json whole = json(metrics, all, range)["items"], own = json(metrics, ml, range)["items"];
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(whole[0]["powerWatts"], 600) << "the sample is wrong";
  EXPECT_EQ(own[0]["powerWatts"], nullptr);
  EXPECT_EQ(own[0]["utilizationPercent"], nullptr);
  EXPECT_EQ(own[0]["coverage"], 0);
  EXPECT_EQ(own[1]["utilizationPercent"], 50);
  EXPECT_EQ(own[1]["powerWatts"], 100);
  struct Case {
    const char* path;
    const char* query;
    int status;
  };
  static constexpr Case kCases[] = {{"GPU-a1/metrics", "", 403},
                                    {"GPU-a1/metrics", "gpuInstance=3", 200},
                                    {"GPU-a1/metrics", "gpuInstance=9", 403},
                                    {"GPU-a1/metrics", "gpuInstance=4", 403},
                                    {"GPU-a0/metrics", "gpuInstance=5", 403},
                                    {"GPU-a2/metrics", "", 403},
                                    {"GPU-a1/layouts", "", 403}};
  for (const Case& c : kCases) EXPECT_EQ(ask(api + c.path, ml, c.query).status, c.status) << c.path << '?' << c.query;
  EXPECT_EQ(json("/gpu/devices/GPU-a1/metrics", ml, range + "&gpuInstance=3")["items"][1]["utilizationPercent"], 70);

  EXPECT_EQ(json("/gpu/devices/GPU-a0/layouts", all)["total"], 2) << "the sample is wrong";
  const Json layouts = json("/gpu/devices/GPU-a0/layouts", ml);
  ASSERT_EQ(layouts["total"], 1);
  EXPECT_EQ(layouts["items"][0]["began"], "2027-01-15T07:50:00.000Z");
  EXPECT_EQ(layouts["items"][0]["instances"], Json::array());

  EXPECT_EQ(json("/gpu/sessions", all, "state=past")["total"], 2) << "the sample is wrong";
  const Json sessions = json("/gpu/sessions", ml, "state=past");
  ASSERT_EQ(sessions["total"], 1);
  EXPECT_EQ(sessions["items"][0]["command"], "guest");
  EXPECT_EQ(json("/gpu/sessions", ml, "state=past&namespace=hidden")["total"], 0);

  const Json window = json("/gpu/utilization", ml, "window=10m&groupBy=pod");
  std::map<std::string, Json> of_pods;
  for (const Json& row : window["items"]) of_pods[row["key"]] = row["utilization"]["allocated"];
  EXPECT_EQ(of_pods["ml/train-0"], 50);
  const Json fleet = json("/gpu/utilization", ml, "window=10m&over=allocated")["items"][0];
  EXPECT_EQ(fleet["value"], 57.27) << "half of 7 slices at 50 %, beside a process of the host, and 2 at 70 %";
  EXPECT_EQ(fleet["deviceCount"], 3);
}

TEST_F(RoutesTest, EventsAreOfWhatOneSees) {
  const std::string ml = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  const auto client = ask(std::string(kContext) + "/api/v1/events", ml);
  ASSERT_TRUE(client.stream) << client.body;
  const auto change = [](fleet::ChangeKind kind, std::vector<std::string> spaces, const std::string& device) {
    fleet::Change out;
    out.kind = kind;
    out.cluster = "default";
    out.node = "w-1";
    out.device_id = device;
    out.spaces = std::move(spaces);
    return out;
  };
  using enum fleet::ChangeKind;
  events.publish({change(SessionStarted, {"hidden"}, "hidden-0"), change(SessionEnded, {"ml"}, "own-1"),
                  change(SessionStarted, {}, "hidden-2"), change(DeviceHealth, {"hidden"}, "hidden-3"),
                  change(DeviceHealth, {"hidden", "ml"}, "own-4"), change(LayoutChanged, {"hidden", "ml"}, "hidden-5"),
                  change(AllocationStarted, {"ml"}, "own-6"), change(AlertFiring, {"hidden"}, "hidden-8"),
                  change(AlertResolved, {}, "hidden-9"), change(AlertFiring, {"ml"}, "own-7")});
  std::string text;
  for (const auto& piece : client.stream->take().pieces) text += *piece;
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
  for (const char* own : {"own-1", "own-4", "own-6", "own-7"}) EXPECT_THAT(text, HasSubstr(own));
  const auto back = ask(std::string(kContext) + "/api/v1/events", ml, "namespace=hidden");
  ASSERT_TRUE(back.stream);
  events.publish({change(SessionStarted, {"hidden"}, "hidden-7")});
  text.clear();
  for (const auto& piece : back.stream->take().pieces) text += *piece;
  EXPECT_THAT(text, Not(HasSubstr("hidden")));
}

TEST_F(RoutesTest, AStreamEndsWithItsKey) {
  const std::string gone = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}}), id = last;
  const std::string stays = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  const std::string path = std::string(kContext) + "/api/v1/events";
  const auto first = ask(path, gone), second = ask(path, stays);
  ASSERT_TRUE(first.stream && second.stream);
  events.beat();
  EXPECT_EQ(events.stats().clients, 2U);
  ASSERT_TRUE(access->changes().read([&](store::Database& db) { return store::revoke_key(db, id, 1); }));
  ASSERT_TRUE(access->reload());
  events.beat();
  EXPECT_EQ(events.stats().clients, 1U);
  EXPECT_NE(first.stream->state(), http::Stream::State::Open);
  EXPECT_EQ(second.stream->state(), http::Stream::State::Open);
}

TEST_F(RoutesTest, NumbersAreOfWhatOneSees) {
  const std::string ml = key({.name = "t", .scopes = {"read"}, .namespaces = {{"ml"}}});
  const Json of = json("/gpu/overview", ml);
  EXPECT_EQ(of["totalGpuDevices"], 3);
  EXPECT_EQ(of["totalNodes"], 1);
  EXPECT_EQ(of["totalMigInstances"], 1);
  EXPECT_EQ(of["activeAllocations"], 3);
  EXPECT_EQ(of["totalSessions"], 1);
  EXPECT_EQ(of["unattributedSessions"], 0);
  EXPECT_EQ(of["powerWatts"], 100) << "a cut board's power tells of its neighbours";
  EXPECT_EQ(of["topNamespaces"].size(), 1U);
  EXPECT_EQ(json("/gpu/devices", ml)["total"], 3);
  EXPECT_EQ(json("/gpu/instances", ml)["total"], 1);
  EXPECT_EQ(json("/gpu/pods", ml)["total"], 4) << "one waits for a GPU";
  EXPECT_EQ(json("/gpu/serving", ml)["total"], 1);
  const Json node = json("/gpu/nodes/w-1", ml);
  EXPECT_EQ(node["kubernetes"]["allocatable"], Json::object()) << "how many boards the node has";
  EXPECT_EQ(json("/gpu/sessions", ml)["total"], 1);
  EXPECT_EQ(json("/gpu/nodes", ml)["items"][0]["deviceCount"], 3);
  const Json cut = json("/gpu/devices/GPU-a1", ml);
  EXPECT_EQ(cut["utilization"]["allocated"], 70);
  EXPECT_EQ(cut["utilization"]["device"], 20) << "2 of 7 slices at 70 %";
  EXPECT_EQ(cut["powerWatts"], nullptr);
  EXPECT_EQ(cut["temperatureCelsius"], 61) << "how the board is concerns all on it";
  EXPECT_EQ(cut["profiles"], Json::array()) << "what is free beside the others is not known";
  EXPECT_EQ(cut["xids"], Json::array()) << "another's program failed";
  const Json shared = json("/gpu/devices/GPU-a2", ml);
  EXPECT_EQ(shared["holders"].size(), 1U);
  const std::string nobody = key({.name = "t", .scopes = {"read"}, .teams = {{"no-such-team"}}});
  EXPECT_EQ(json("/gpu/overview", nobody)["totalGpuDevices"], 0);
  EXPECT_EQ(json("/gpu/devices", nobody)["total"], 0);
}

}  // namespace
}  // namespace tessera::server
