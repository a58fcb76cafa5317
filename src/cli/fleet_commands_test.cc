// The commands that ask a server: command line, tables, screens, and what they say when it says no.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/files.h"
#include "cli/arguments.h"
#include "cli/top_screen.h"
#include "http/server.h"

namespace tessera::cli {
namespace {
using testing::HasSubstr;

constexpr EpochMs kNow = 1'800'000'000'000;  // 2027-01-15T08:00:00.000Z

constexpr const char* kDevices = R"({"time":"2027-01-15T08:00:00.000Z","total":3,"nextCursor":null,"items":[
 {"id":"worker-01-GPU-00","uuid":"GPU-a0","modelKey":"H100_80GB","presence":"present","health":"healthy","use":"active",
  "instances":[],"utilization":{"device":63.1},"memoryUsedBytes":44560285696,"memoryTotalBytes":85520809984,
  "temperatureCelsius":61,"powerWatts":512.3,"sessionCount":2,"driverVersion":"550.54.15","lastSeen":"2027-01-15T07:59:50.000Z",
  "holders":[{"namespace":"ml","pod":"trainer-0"}]},
 {"id":"worker-01-GPU-01","uuid":"GPU-a1","modelKey":"H100_80GB","presence":"present","health":"degraded","use":"free",
  "instances":[{},{}],"utilization":{"device":0},"memoryUsedBytes":null,"memoryTotalBytes":85520809984,
  "temperatureCelsius":null,"powerWatts":90,"sessionCount":null,"driverVersion":null,"lastSeen":"2027-01-15T07:58:50.000Z",
  "holders":[]},
 {"id":"worker-02-GPU-00","uuid":"GPU-b0","modelKey":"Tesla T4","presence":"missing","health":"unknown","use":"unknown",
  "instances":[],"utilization":{"device":null},"memoryUsedBytes":null,"memoryTotalBytes":null,
  "temperatureCelsius":null,"powerWatts":null,"sessionCount":null,"driverVersion":null,"lastSeen":"2027-01-14T05:00:00.000Z",
  "holders":[]}]})";

constexpr const char* kSessions = R"({"time":"2027-01-15T08:00:00.000Z","total":2,"nextCursor":null,"items":[
 {"id":"1","deviceId":"worker-01-GPU-00","instance":null,"pid":4101,"command":"python3","memoryUsedBytes":44023414784,
  "utilizationPercent":62,"startTime":"2027-01-14T08:00:00.000Z","namespace":"ml","pod":"trainer-0","attribution":"pod"},
 {"id":"2","deviceId":"worker-01-GPU-01","instance":{"gi":3,"ci":0,"profile":"2g.20gb"},"pid":null,"command":null,
  "memoryUsedBytes":null,"utilizationPercent":null,"startTime":null,"firstSeen":"2027-01-15T07:59:00.000Z",
  "namespace":null,"pod":null,"attribution":"host"}]})";

constexpr const char* kOverview = R"({"time":"2027-01-15T08:00:00.000Z","totalGpuDevices":3,"totalNodes":2,
 "totalMigInstances":2,"totalSessions":2,"overallGpuUtilization":31.5,"memoryUsedBytes":44560285696,
 "memoryTotalBytes":171041619968,"powerWatts":602.3,"devicesByUse":{"active":1,"idle":0,"free":1,"unknown":1},
 "devicesByHealth":{"healthy":1,"degraded":1,"unhealthy":0,"unknown":1}})";

const Resource& resource(std::string_view name) { return *std::ranges::find(resources(), name, &Resource::name); }

TEST(GetTable, IsNarrowUnlessWideIsAskedFor) {
  const JsonValue items = JsonValue::parse(kDevices)["items"];
  EXPECT_EQ(resource_table(resource("devices"), items, kNow, false, 0),
            "DEVICE            MODEL      USE      UTIL         MEMORY  HEALTH    HELD BY\n"
            "worker-01-GPU-00  H100_80GB  active   63 %  41.5/79.6 GiB  healthy   ml/trainer-0\n"
            "worker-01-GPU-01  H100_80GB  free      0 %     –/79.6 GiB  degraded  free\n"
            "worker-02-GPU-00  Tesla T4   unknown     –              –  missing\n");
  const std::string wide = resource_table(resource("devices"), items, kNow, true, 0);
  for (const char* there : {"UUID", "GPU-a0", "61 °C", "512 W", "550.54.15", "10s", "1d3h"})
    EXPECT_THAT(wide, HasSubstr(there));
}

TEST(GetTable, FitsIntoTheTerminal) {
  const JsonValue items = JsonValue::parse(kDevices)["items"];
  EXPECT_THAT(resource_table(resource("devices"), items, kNow, false, 78), HasSubstr("healthy   ml/train…\n"));
}

TEST(GetTable, EveryListHasOne) {
  for (const Resource& one : resources()) {
    const std::string table = resource_table(one, JsonValue::parse("[{}]"), kNow, true, 0);
    EXPECT_THAT(table, HasSubstr("–")) << one.name << ": what is absent is no crash";
  }
  EXPECT_EQ(resource_table(resource("sessions"), JsonValue::parse(kSessions)["items"], kNow, false, 0),
            "DEVICE            INSTANCE      PID  COMMAND    MEMORY  UTIL  AGE  POD\n"
            "worker-01-GPU-00               4101  python3  41.0 GiB  62 %   1d  ml/trainer-0\n"
            "worker-01-GPU-01  3/0 2g.20gb     –  –               –     –   1m  (host)\n");
}

TopSeen told() {
  const auto parsed = [](std::string_view text) { return std::make_shared<const JsonValue>(JsonValue::parse(text)); };
  return {parsed(kOverview), parsed(kDevices), parsed(kSessions)};
}

TEST(TopScreen, TellsTheFleetInAFewLines) {
  const TopSeen seen = told();
  EXPECT_EQ(top_screen(seen, {.columns = 200}),
            "Tessera  2027-01-15T08:00:00.000Z  3 GPUs on 2 nodes, 2 MIG instances, 2 processes\n"
            "util ███░░░░░░░ 32 %  mem 41.5/159.3 GiB  power 602 W\n"
            "use: 1 active, 1 free, 1 unknown   health: 1 healthy, 1 degraded, 1 unknown\n"
            "\n"
            "DEVICE            MODEL      UTIL                     MEMORY   TEMP  POWER  HEALTH    HELD BY\n"
            "worker-01-GPU-00  H100_80GB  ██████░░░░  63 %  41.5/79.6 GiB  61 °C  512 W  healthy   ml/trainer-0\n"
            "worker-01-GPU-01  H100_80GB  ░░░░░░░░░░   0 %     –/79.6 GiB      –   90 W  degraded  free\n"
            "worker-02-GPU-00  Tesla T4                  –              –      –      –  missing\n"
            "\n"
            "DEVICE            INSTANCE      PID    MEMORY  UTIL  AGE  COMMAND  POD\n"
            "worker-01-GPU-00               4101  41.0 GiB  62 %   1d  python3  ml/trainer-0\n"
            "worker-01-GPU-01  3/0 2g.20gb     –         –     –   1m  –        (host)\n");
}

TEST(TopScreen, CountsWhatDoesNotFit) {
  const TopSeen seen = told();
  const std::string screen = top_screen(seen, {.columns = 60, .rows = 12});
  EXPECT_THAT(screen, HasSubstr("more\n"));
  EXPECT_LE(std::ranges::count(screen, '\n'), 12);
}

/// A server that answers with these bodies, by path.
struct Answers {
  static std::unique_ptr<http::Server> serve(std::vector<std::string>& asked) {
    http::ServerOptions options;
    options.address = "127.0.0.1:0";
    const auto answer = [&asked](const char* body, const char* type = "application/json", int status = 200) {
      return [&asked, body, type, status](const http::Request& request) {
        asked.push_back(request.path + "?" + request.query + " " + std::string(request.header("Authorization")));
        http::Response reply;
        reply.status = status;
        reply.content_type = type;
        reply.body = request.header("Accept") == "text/csv" ? "id\nworker-01-GPU-00\n" : body;
        return reply;
      };
    };
    const std::string api = "/k8s-monitor/api/v1";
    auto made = http::Server::listen(
        options, {{"GET", api + "/gpu/devices", answer(kDevices)},
                  {"GET", api + "/gpu/sessions", answer(kSessions)},
                  {"GET", api + "/gpu/overview", answer(kOverview)},
                  {"GET", api + "/cost/export", answer("{}")},
                  {"GET", api + "/gpu/nodes",
                   answer(R"({"status":401,"detail":"a key is needed"})", "application/problem+json", 401)}});
    if (!made) throw std::runtime_error(made.error().what);
    return *std::move(made);
  }
};

GetCommand get_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "get");
  const auto parsed = parse_arguments(arguments);
  if (!parsed) throw std::runtime_error(parsed.error().what);
  return std::get<GetCommand>(*parsed);
}

TEST(GetCommand, AsksAsItIsTold) {
  std::vector<std::string> asked;
  const auto server = Answers::serve(asked);
  const TempDir folder;
  const auto key = folder.path() / "key";
  ASSERT_TRUE(write_file_atomically(key, "tk_abc\n"));
  const std::string url = "http://" + server->address();
  const auto got = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--server", url, "--key-file", key.string()});
    const GetCommand command = get_command(arguments);
    auto at = FleetServer::open(command.server);
    return get_resource(*at, command, 0);
  };
  EXPECT_THAT(*got({"devices", "--node", "worker-01", "-n", "a b", "--sort", "-utilization"}), HasSubstr("HELD BY"));
  EXPECT_EQ(asked.back(),
            "/k8s-monitor/api/v1/gpu/devices?namespace=a%20b&nodeName=worker-01&sort=-utilization&limit=1000 "
            "Bearer tk_abc");
  EXPECT_EQ(*got({"devices", "-o", "name"}), "worker-01-GPU-00\nworker-01-GPU-01\nworker-02-GPU-00\n");
  EXPECT_EQ(*got({"devices", "-o", "csv"}), "id\nworker-01-GPU-00\n");
  EXPECT_EQ(JsonValue::parse(*got({"devices", "-o", "json"}))["items"].size(), 3U);
  EXPECT_TRUE(got({"devices", "--limit", "1"}));
  EXPECT_THAT(asked.back(), HasSubstr("?limit=1 "));
  EXPECT_THAT(got({"nodes"}).error().what, HasSubstr("a key is needed; name a file with an API key by --key-file"));
  EXPECT_THAT(got({"pods"}).error().what, HasSubstr("HTTP status 404; is this a tessera-server"));
}

TEST(GetCommand, SaysWhatIsWrongWithItsLine) {
  const auto wrong = [](const std::vector<std::string>& arguments) { return parse_arguments(arguments).error().what; };
  EXPECT_THAT(wrong({"get", "device"}), HasSubstr("did you mean devices?"));
  EXPECT_THAT(wrong({"get", "devices", "-o", "yaml"}), HasSubstr("one of table|wide|json|csv|name"));
  EXPECT_THAT(wrong({"get", "devices", "--nod", "x"}), HasSubstr("See: tessera get devices --help"));
  EXPECT_THAT(wrong({"top", "--sort", "heat"}), HasSubstr("one of utilization|memory"));
  EXPECT_THAT(FleetServer::open({.url = "localhost:8080"}).error().what, HasSubstr("a URL is expected"));
  EXPECT_THAT(FleetServer::open({.key_file = "/nowhere"}).error().what, HasSubstr("API key"));
  EXPECT_THAT(FleetServer::open({.ca_file = "/nowhere"}).error().what, HasSubstr("certificates of --ca-file"));
}

TEST(GetCommand, ThePathOfTheServerIsItsContextPath) {
  EXPECT_EQ(FleetServer::open({.url = "https://a:1"})->api_url("/x"), "https://a:1/k8s-monitor/api/v1/x");
  EXPECT_EQ(FleetServer::open({.url = "https://a:1/gpu/"})->api_url("/x"), "https://a:1/gpu/api/v1/x");
  EXPECT_EQ(FleetServer::open({.url = "https://a:1/gpu/"})->root_url("/readyz"), "https://a:1/readyz");
}

TEST(CostCommand, PrintsAFileAsItComes) {
  std::vector<std::string> asked;
  const auto server = Answers::serve(asked);
  auto parsed = parse_arguments(
      {"cost", "export", "--format", "focus", "--window", "lastmonth", "--server", "http://" + server->address()});
  ASSERT_TRUE(parsed) << parsed.error().what;
  auto& command = std::get<CostCommand>(*parsed);
  std::string printed;
  const auto print = [&](std::string_view text) {
    printed += text;
    return true;
  };
  ASSERT_TRUE(show_cost(command, print));
  EXPECT_EQ(printed, "id\nworker-01-GPU-00\n");
  EXPECT_THAT(asked.back(), HasSubstr("/cost/export?format=focus&window=lastmonth "));
  EXPECT_THAT(show_cost(command, [](auto) { return false; }).error().what, HasSubstr("takes no more"));
  command.server.url += "/elsewhere";
  EXPECT_THAT(show_cost(command, print).error().what, HasSubstr("HTTP status 404"));
}

TEST(TopCommand, AsksForAllThatAScreenShows) {
  std::vector<std::string> asked;
  const auto server = Answers::serve(asked);
  const auto parsed = parse_arguments({"top", "--server", "http://" + server->address(), "--sort", "memory", "--once"});
  const auto& command = std::get<TopCommand>(*parsed);
  auto at = FleetServer::open(command.server);
  const auto seen = ask_top(*at, command, command.sort);
  ASSERT_TRUE(seen) << seen.error().what;
  EXPECT_THAT(asked[1], HasSubstr("/gpu/devices?sort=-memoryUsedBytes,id&limit=1000"));
  EXPECT_THAT(top_screen(*seen, {}), HasSubstr("3 GPUs on 2 nodes"));
}

}  // namespace
}  // namespace tessera::cli
