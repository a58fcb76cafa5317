// The API's document as a stranger uses it: curl fetches it from a running server, then asks for everything that it
// names, and what comes back is what it says.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/text.h"
#include "server/schema_check.h"
#include "tests/e2e/node.h"
#include "tests/e2e_server/server.h"

namespace tessera::e2e {
namespace {
using config::Node;
using server::SchemaCheck;
using testing::IsEmpty;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

/// A board whole and a board cut, as an agent tells them, and an engine.
constexpr const char* kPage = R"(tessera_agent_device_up{gpu="0",UUID="GPU-0"} 1
tessera_agent_device_up{gpu="1",UUID="GPU-1"} 1
gpu_device_info{gpu="0",UUID="GPU-0",model="NVIDIA H100 80GB HBM3",DCGM_FI_DRIVER_VERSION="550.54.15"} 1
gpu_device_info{gpu="1",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_device_compute_slices{gpu="1",UUID="GPU-1"} 7
gpu_profile_info{gpu="1",UUID="GPU-1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2"} 1
gpu_instance_info{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-3",start="0",size="2"} 1
gpu_allocation_info{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",pod="llm-0",namespace="serving",container="vllm",pod_uid="u1"} 1
gpu_process_info{gpu="0",UUID="GPU-0",pid="7",command="python3",type="C",status="active",attribution="host",pod="",namespace="",container=""} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-0"} 0.631
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"} 0.6
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-0"} 61
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-0"} 79
vllm:num_requests_running{model_name="m",pod="llm-0",namespace="serving"} 3
)";

struct Reply {
  std::string status, type, body;
};

constexpr std::string_view kStream = "text/event-stream", kEngine = "/k8s-monitor/prometheus/";

struct Contract : testing::Test {
  void SetUp() override {
    if (peer("curl").empty()) GTEST_SKIP() << "no curl on this machine";
    ASSERT_EQ(server.post("/import/prometheus?node=w-1", kPage, {}).status, 204);
    ASSERT_TRUE(eventually([&] { return server.get("/gpu/sessions").at("total") == 1; }));
    const Finished made = run({program("tessera-server"), "keys", "create", "--data", server.data().string(), "--name",
                               "root", "--scope", "admin"});
    ASSERT_EQ(made.code, 0) << made.output;
    const auto at = made.output.find("tsk_");
    ASSERT_NE(at, std::string::npos);
    key = made.output.substr(at, 56);
    ASSERT_TRUE(eventually([&] { return curl(server.api("/access/keys"), "", "").status == "401"; }));
    const Reply fetched = curl(server.url("/openapi.yaml"), "", "");
    ASSERT_EQ(fetched.status, "200");
    const Reply asked = curl(server.api("/gpu/allocations"), "", key,
                             {"-H", "Content-Type: application/json", "-d",
                              R"({"namespace": "ml", "podName": "p", "requiredMemoryGb": 500, "wait": true})"});
    ASSERT_EQ(asked.status, "202") << asked.body;
    allocation = Json::parse(asked.body).value("id", "");
    const Reply made_budget =
        curl(server.api("/budgets"), "", key,
             {"-H", "Content-Type: application/json", "-d",
              R"({"name": "ml", "scope": "namespace", "scopeName": "ml", "period": "month", "amount": "10"})"});
    ASSERT_EQ(made_budget.status, "201") << made_budget.body;
    budget = Json::parse(made_budget.body).value("id", "");
    auto read = config::load(fetched.body, "/openapi.yaml");
    ASSERT_TRUE(read) << read.error().what;
    check.emplace(*read);
  }

  /// As `type`; empty: whatever the server likes. `more`: words of the command.
  Reply curl(const std::string& url, const std::string& type, const std::string& with,
             const std::vector<std::string>& more = {}) const {
    const std::string file = (folder.path() / "body").string();
    std::vector<std::string> words{
        peer("curl"), "-s", "-g", "-m", "30", "-o", file, "-w", "%{http_code} %{content_type}"};
    if (!type.empty()) words.insert(words.end(), {"-H", "Accept: " + type});
    if (!with.empty()) words.insert(words.end(), {"-H", "Authorization: Bearer " + with});
    words.insert(words.end(), more.begin(), more.end());
    words.push_back(url);
    const std::string said = run(words).output;
    const auto body = read_file(file, 64U << 20U);
    return {said.substr(0, 3), said.size() > 4 ? said.substr(4) : "", body ? *body : ""};
  }

  /// `{deviceId}` and its like as the fleet above has them.
  std::string url_of(std::string path) const {
    const std::map<std::string, std::string> kNames = {
        {"{node}", "w-1"},        {"{deviceId}", "w-1-GPU-01"},   {"{id}", key.substr(4, 8)},
        {"{name}", "job"},        {"{allocationId}", allocation}, {"{instance}", "3"},
        {"{silenceId}", "none"},  {"{budgetId}", budget},         {"{adviceId}", "none"},
        {"{benchmarkId}", "none"}};
    const bool at_root = static_cast<bool>(check->at({"paths", path}).find("servers"));
    for (const auto& [name, value] : kNames)
      if (const auto at = path.find(name); at != std::string::npos) path.replace(at, name.size(), value);
    EXPECT_EQ(path.find('{'), std::string::npos) << "no example for " << path;
    return at_root ? server.url(path) : server.api(path);
  }
  std::vector<std::string> paths_with(const std::string& method) const {
    std::vector<std::string> out;
    for (const auto& [path, item] : *check->at({"paths"}).entries())
      if (item.find(method)) out.push_back(path);
    return out;
  }
  std::vector<std::string> gets() const { return paths_with("get"); }
  /// Media types and schemas that a request may be answered with under a status; none where the document does not have
  /// it, or where it says that there is no body.
  std::map<std::string, Node> documented(const std::string& path, const std::string& status,
                                         const std::string& method = "get") const {
    std::map<std::string, Node> out;
    const auto reply = check->at({"paths", path, method, "responses"}).find(status);
    if (!reply) return out;
    if (const auto content = check->resolved(*reply).find("content"))
      for (const auto& [type, media] : *content->entries()) out.emplace(type, *media.find("schema"));
    return out;
  }
  void hold(const std::string& path, const Reply& reply, const std::string& type, const Node& schema) const {
    EXPECT_THAT(reply.type, StartsWith(type)) << path;
    if (!type.ends_with("json")) {
      EXPECT_FALSE(reply.body.empty()) << path;
      return;
    }
    const Json body = Json::parse(reply.body, nullptr, false);
    ASSERT_FALSE(body.is_discarded()) << path << ": " << reply.body;
    EXPECT_THAT(check->wrong_in(body, schema), IsEmpty()) << path << ": " << reply.body;
  }

  /// A request that changes something, and that its reply is one of the document's.
  Reply change(const std::string& method, const std::string& path, const std::string& type, const std::string& body,
               const std::string& with) const {
    const std::string sent = (folder.path() / "sent").string();
    EXPECT_TRUE(write_file_atomically(sent, body));
    std::vector<std::string> more{"-X", method, "--data-binary", "@" + sent, "-H", "Content-Type: " + type};
    const std::string engine = path.starts_with(kEngine) ? "?query=up&match[]=up&start=1&end=2&step=1" : "";
    const Reply reply = curl(url_of(path) + engine, "", with, more);
    const std::string what = method + " " + path + " " + body.substr(0, 60);
    EXPECT_TRUE(check->at({"paths", path, lower(method), "responses"}).find(reply.status))
        << what << " answers " << reply.status << ": " << reply.body;
    const auto types = documented(path, reply.status, lower(method));
    if (types.empty()) {
      EXPECT_EQ(reply.body, "") << what;
    } else {
      hold(path, reply, types.begin()->first, types.begin()->second);
    }
    return reply;
  }

  TempDir folder;
  Server server{"gpu: {management: {mig: {enabled: true}}}\n"};
  std::string key, allocation, budget;
  std::optional<SchemaCheck> check;
};

TEST_F(Contract, EveryGetAnswersWhatTheDocumentSays) {
  std::set<std::string> held;
  for (const std::string& path : gets()) {
    if (path.starts_with(kEngine)) continue;
    // Nothing is said of a fleet that has just come: what the one that is not there is answered is held.
    const char* status = path == "/advice/{adviceId}" ? "404" : "200";
    const auto types = documented(path, status);
    ASSERT_FALSE(types.empty()) << path;
    for (const auto& [type, schema] : types) {
      if (type == kStream) continue;  // never ends
      const Reply reply = curl(url_of(path), type, key);
      ASSERT_EQ(reply.status, status) << path << ": " << reply.body;
      hold(path, reply, type, schema);
      held.insert(path);
    }
  }
  for (const char* path : {"/gpu/devices/{deviceId}", "/gpu/serving", "/access/whoami", "/access/keys",
                           "/access/keys/{id}", "/access/oidc", "/audit", "/status", "/metrics"})
    EXPECT_TRUE(held.contains(path)) << path;
  for (const char* list : {"/gpu/nodes", "/gpu/devices", "/gpu/instances", "/gpu/sessions", "/gpu/pods", "/gpu/health",
                           "/gpu/serving", "/gpu/allocations", "/access/keys", "/audit"})
    EXPECT_FALSE(Json::parse(curl(server.api(list), "", key).body)["items"].empty()) << list << ": nothing was held";
}

struct Change {
  const char* method;
  const char* path;
  const char* type;
  std::string body;
  const char* status;
};
constexpr const char* kJson = "application/json";
const std::string kEmptyWrite(1, '\0');  // no series, by snappy
/// In their order: the key goes last.
const std::vector<Change> kChanges = {
    {"POST", "/write", "application/x-protobuf", kEmptyWrite, "204"},
    {"POST", "/import/prometheus", "text/plain", "up 1\n", "204"},
    {"POST", "/gpu/devices/{deviceId}/mig", kJson, R"({"profiles": ["2g.20gb"], "dryRun": true})", "200"},
    {"POST", "/gpu/devices/{deviceId}/mig", kJson, R"(["H100_2G20GB", "H100_2G20GB"])", "202"},
    {"DELETE", "/gpu/devices/{deviceId}/mig", kJson, "", "204"},
    {"DELETE", "/gpu/devices/{deviceId}/mig/{instance}", kJson, "", "409"},
    {"POST", "/gpu/allocations", kJson, R"({"namespace": "ml", "podName": "q", "requiredMemoryGb": 20})", "201"},
    {"DELETE", "/gpu/allocations/{allocationId}", kJson, "", "204"},
    {"POST", "/alerts/silences", kJson, R"({"matchers": [{"label": "node", "value": "w-1"}], "duration": "1h"})",
     "201"},
    {"DELETE", "/alerts/silences/{silenceId}", kJson, "", "404"},
    {"POST", "/alerts/test", kJson, "", "200"},
    {"POST", "/budgets", kJson, R"({"name": "all", "scope": "fleet", "period": "week", "amount": "5.5"})", "201"},
    {"PUT", "/budgets/{budgetId}", kJson, R"({"name": "m", "scope": "fleet", "period": "day", "amount": "0"})", "200"},
    {"DELETE", "/budgets/{budgetId}", kJson, "", "204"},
    {"POST", "/benchmarks", kJson,
     R"({"model": "T4", "name": "n", "value": 1, "unit": "s", "better": "lower", "time": "2026-01-31T12:00:00Z"})",
     "200"},
    {"DELETE", "/benchmarks/{benchmarkId}", kJson, "", "404"},
    {"DELETE", "/benchmarks", kJson, "", "400"},  // which ones
    {"POST", "/advice/{adviceId}/accept", kJson, "{}", "404"},
    {"POST", "/advice/{adviceId}/snooze", kJson, R"({"for": "7d"})", "404"},
    {"POST", "/advice/{adviceId}/dismiss", kJson, R"({"reason": "it is a demonstration"})", "404"},
    {"POST", "/advice/{adviceId}/reopen", kJson, "{}", "404"},
    {"POST", "/access/keys", kJson, R"({"name": "w-1", "scopes": ["node"]})", "201"},
    {"POST", "/nodes/{node}/layout", kJson, R"({"devices": []})", "200"},  // the allocation wants something
    {"POST", "/access/oidc/token", kJson, R"({"code": "c"})", "404"},
    {"POST", "/k8s-monitor/prometheus/api/v1/query", "application/x-www-form-urlencoded", "", "404"},
    {"POST", "/k8s-monitor/prometheus/api/v1/query_range", "application/x-www-form-urlencoded", "", "404"},
    {"POST", "/k8s-monitor/prometheus/api/v1/series", "application/x-www-form-urlencoded", "", "404"},
    {"POST", "/k8s-monitor/prometheus/api/v1/labels", "application/x-www-form-urlencoded", "", "404"},
    {"POST", "/k8s-monitor/prometheus/api/v1/label/{name}/values", "application/x-www-form-urlencoded", "", "404"},
    {"DELETE", "/access/keys/{id}", kJson, "", "204"},
};

TEST_F(Contract, EveryChangeAnswersWhatTheDocumentSays) {
  std::set<std::pair<std::string, std::string>> asked;
  std::string node_key;
  for (const Change& one : kChanges) {
    const bool of_node = std::string_view(one.path).starts_with("/nodes/");
    // What no request can mean is refused before anything is done.
    if (std::string_view(one.type) == kJson && !one.body.empty()) {
      EXPECT_EQ(change(one.method, one.path, one.type, "]", key).status.substr(0, 1), "4") << one.path;
    }
    const Reply reply = change(one.method, one.path, one.type, one.body, of_node ? node_key : key);
    EXPECT_EQ(reply.status, one.status) << one.method << ' ' << one.path << ": " << reply.body;
    asked.emplace(lower(one.method), one.path);
    if (std::string_view(one.path) == "/access/keys") node_key = Json::parse(reply.body).value("secret", "");
  }
  for (const char* method : {"post", "put", "patch", "delete"})
    for (const std::string& path : paths_with(method))
      EXPECT_TRUE(asked.contains({method, path})) << method << ' ' << path << " has no example";
}

TEST_F(Contract, EventsAreAStream) {
  Child events({peer("curl"), "-siN", "-H", "Authorization: Bearer " + key, url_of("/events")});
  EXPECT_TRUE(events.says("event: ready")) << events.output();
  EXPECT_NE(lower(events.output()).find("content-type: " + std::string(kStream)), std::string::npos);
}

TEST_F(Contract, TheEngineThatIsNotThereIsAProblemOfTheDocument) {
  std::size_t held = 0;
  for (const std::string& path : gets()) {
    if (!path.starts_with(kEngine)) continue;
    const Reply reply = curl(url_of(path) + "?query=up&match[]=up&start=1&end=2&step=1", "", key);
    const auto types = documented(path, reply.status);
    ASSERT_FALSE(types.empty()) << path << " answers " << reply.status << ": " << reply.body;
    hold(path, reply, types.begin()->first, types.begin()->second);
    ++held;
  }
  EXPECT_GE(held, 5U);
}

TEST_F(Contract, RefusalsAreProblemsOfTheDocument) {
  const Node problem = check->at({"components", "schemas", "Problem"});
  for (const std::string& path : gets()) {
    if (path.starts_with(kEngine)) continue;
    if (check->at({"paths", path, "get"}).find("x-scope")) {
      const Reply nobody = curl(url_of(path), "", "");
      EXPECT_EQ(nobody.status, "401") << path;
      hold(path, nobody, "application/problem+json", problem);
    }
    if (documented(path, "400").empty()) continue;
    const Reply wrong = curl(url_of(path) + "?zzzz=1", "", key);
    EXPECT_EQ(wrong.status, "400") << path << ": " << wrong.body;
    hold(path, wrong, "application/problem+json", problem);
  }
  for (const char* path : {"/gpu/devices/nobody", "/gpu/nodes/nobody", "/access/keys/nobody", "/budgets/nobody"}) {
    const Reply missing = curl(server.api(path), "", key);
    EXPECT_EQ(missing.status, "404") << path;
    hold(path, missing, "application/problem+json", problem);
  }
}

}  // namespace
}  // namespace tessera::e2e
