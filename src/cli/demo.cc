#include "cli/demo.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/every.h"
#include "base/files.h"
#include "base/text.h"
#include "cli/cells.h"
#include "cli/fleet_server.h"
#include "cli/spawned.h"
#include "http/client.h"

namespace tessera::cli {
namespace {
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// The programs beside this one, and the simulated driver where it is built or installed.
struct Programs {
  std::filesystem::path bin;
  std::string operator()(const char* name) const { return (bin / name).string(); }
};

Result<Programs> find_programs() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return fail(Code::Unavailable, "/proc/self/exe: {}", error.message());
  Programs out{self.parent_path()};
  for (const char* name : {"tessera-sim", "tessera-agent", "tessera-relay", "tessera-server"})
    if (!std::filesystem::exists(out(name), error))
      return fail(Code::NotFound, "{}: the demo needs it beside {}", out(name), self.string());
  return out;
}

std::string first_word(std::string_view text) { return std::string(text.substr(0, text.find(' '))); }

struct SimulatedNode {
  std::string name;
  std::vector<std::string> flags;  ///< that point a program at it
  std::map<std::string, std::string> environment;
};

/// Everything that runs; ends in the reverse order.
struct Demo {
  Programs programs;
  TempDir folder{};
  std::vector<Spawned> children{};
  std::vector<std::string> agents{};  ///< addresses
  std::vector<SimulatedNode> nodes{};
  std::string server{};   ///< URL
  bool has_past = false;  ///< a made-up one, of costs and of the queue

  ~Demo() {
    for (const Spawned& one : children) one.ask_to_end();  // at once, so that they end side by side
  }

  Result<Spawned*> start(const std::string& name, const std::vector<std::string>& arguments,
                         const std::map<std::string, std::string>& environment) {
    children.push_back(TRY(Spawned::start(arguments, environment, folder.path() / (name + ".log"))));
    return &children.back();
  }
};

/// A node: its player, and the agent that looks at what is played.
Result<void> start_node(Demo& demo, const std::string& name, const DemoCommand& command, const std::stop_token& stop) {
  const auto here = demo.folder.path() / name;
  const std::map<std::string, std::string> simulated = {
      {"TESSERA_SIM_SCENARIO", (demo.folder.path() / "fleet.yaml").string()},
      {"TESSERA_SIM_STATE", (here / "state").string()},
      {"TESSERA_SIM_NODE", name},
      {"NODE_NAME", name}};
  std::error_code error;
  std::filesystem::create_directories(here, error);
  Spawned* player = TRY(
      demo.start("play-" + name, {demo.programs("tessera-sim"), "play", "--root", (here / "n").string()}, simulated));
  const std::string text = "--nvml" + TRY(player->after("--nvml", command.patience, stop));
  std::vector<std::string> flags;
  for (const std::string_view word : split(text, ' '))
    if (!word.empty()) flags.emplace_back(word);
  std::vector<std::string> arguments{demo.programs("tessera-agent"), "--address", "127.0.0.1:0", "--interval", "2s"};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  demo.nodes.push_back({name, flags, simulated});
  Spawned* agent = TRY(demo.start("agent-" + name, arguments, simulated));
  demo.agents.push_back(first_word(TRY(agent->after("agent ready address=", command.patience, stop))));
  return {};
}

/// Whose the namespaces of the scenario are.
constexpr const char* kOwners =
    "[{field: team, namespace: ml, value: vision}, {field: project, namespace: ml, value: pretraining}, "
    "{field: team, namespace: serving, value: chat}, {field: project, namespace: serving, value: assistant}, "
    "{field: team, namespace: research, value: lab}]";

/// Nobody watches a demo for the five minutes that a GPU has to be hot elsewhere.
constexpr const char* kAlertRules = "[{name: GPUOverheating, for: 10s}]";

/// Weeks that the fleet has behind it, where the program that makes them up is there: forecasts and advice need some.
/// The URL of the database that has them.
Result<std::optional<std::string>> write_past(Demo& demo, const DemoCommand& command, const std::stop_token& stop) {
  std::error_code error;
  const std::string program = demo.programs("tessera-demo-past");
  if (command.check || !std::filesystem::exists(program, error)) return std::optional<std::string>();
  const std::string url = "sqlite:" + (demo.folder.path() / "demo.db").string();
  Spawned past = TRY(Spawned::start(
      {program, "--database", url, "--cluster", "demo", "--scenario", (demo.folder.path() / "fleet.yaml").string()}, {},
      demo.folder.path() / "past.log"));
  TRY(past.after("past written", command.patience, stop));
  return std::optional(url);
}

Result<void> start_server(Demo& demo, const DemoCommand& command, const std::stop_token& stop) {
  const auto past = TRY(write_past(demo, command, stop));
  demo.has_past = past.has_value();
  // Nothing of the user's own settings belongs here.
  std::map<std::string, std::string> settings = {{"TESSERA_PROFILE", "development"},
                                                 {"DATABASE_URL", past.value_or("sqlite::memory:")},
                                                 {"GPU_MANAGEMENT_MIG_AUTOCLEANUP", "true"},
                                                 {"GPU_MANAGEMENT_MIG_CLEANUPAFTER", "30s"},
                                                 {"GPU_MANAGEMENT_METRICS_COLLECTIONINTERVAL", "10s"},
                                                 {"GPU_MANAGEMENT_ALERTS_RULES", kAlertRules},
                                                 {"GPU_MANAGEMENT_COST_OWNERS", kOwners}};
  if (!command.alertmanager.empty()) settings["GPU_MANAGEMENT_ALERTS_ALERTMANAGERS"] = command.alertmanager;
  Spawned* server =
      TRY(demo.start("server", {demo.programs("tessera-server"), "--address", command.address}, settings));
  demo.server = "http://" + first_word(TRY(server->after("server ready address=", command.patience, stop)));
  return {};
}

/// What cuts the nodes' devices anew where an allocation or a person asks for it. Nobody is asked for a key here.
Result<void> start_layouts(Demo& demo, const DemoCommand& command, const std::stop_token& stop) {
  for (const SimulatedNode& node : demo.nodes) {
    std::vector<std::string> arguments{demo.programs("tessera-agent"),
                                       "layout",
                                       "--server",
                                       demo.server,
                                       "--cluster",
                                       "demo",
                                       "--data",
                                       (demo.folder.path() / node.name / "layout").string(),
                                       "--pause",
                                       "2s"};
    arguments.insert(arguments.end(), node.flags.begin(), node.flags.end());
    TRY(TRY(demo.start("layout-" + node.name, arguments, node.environment))
            ->after("layout ready", command.patience, stop));
  }
  return {};
}

Result<void> start_relay(Demo& demo, const DemoCommand& command, const std::stop_token& stop) {
  std::string config = fmt::format(
      "remoteWrite:\n- {{name: server, url: \"{}/k8s-monitor/api/v1/write\"}}\n"
      "externalLabels: {{cluster: demo}}\ntargets:\n- targetName: tessera-agent\n  type: Static\n"
      "  endpoints:\n  - {{interval: 2s, honorLabels: true}}\n  staticTargets:\n",
      demo.server);
  for (const std::string& agent : demo.agents) config += fmt::format("  - targets: [\"{}\"]\n", agent);
  const auto file = demo.folder.path() / "relay.yaml";
  TRY(write_file_atomically(file, config));
  Spawned* relay = TRY(demo.start("relay",
                                  {demo.programs("tessera-relay"), "--config", file.string(), "--data",
                                   (demo.folder.path() / "relay").string(), "--address", "127.0.0.1:0"},
                                  {}));
  TRY(relay->after("relay ready", command.patience, stop));
  return {};
}

/// Of all the fleet for a day, which costs 1248: the first quarter of an hour of it that is closed crosses its first
/// threshold, and with a past to go by the forecast of its end crosses the last.
constexpr const char* kBudget =
    R"({"name": "all GPUs in a day", "scope": "fleet", "period": "day", "amount": "800.00", "enforcement": "warn", )"
    R"("thresholds": [{"percent": 1, "on": "actual"}, {"percent": 50, "on": "actual"}, )"
    R"({"percent": 100, "on": "forecast"}]})";

Result<void> make_budget(const Demo& demo, const DemoCommand& command) {
  http::Client client;
  http::ClientRequest request;
  request.method = "POST";
  request.url = demo.server + "/k8s-monitor/api/v1/budgets";
  request.headers = {{"Content-Type", "application/json"}};
  request.body = kBudget;
  request.deadline = command.patience;
  const auto reply = TRY(client.send(request));
  if (reply.status == 201) return {};
  return fail(Code::Unavailable, "POST {}: {} {}", request.url, reply.status, reply.body);
}

/// The overview, when all devices are in it and all of them have told what they do.
Result<JsonValue> await_fleet(const Demo& demo, const DemoCommand& command, const std::stop_token& stop) {
  FleetServer server = TRY(FleetServer::open({.url = demo.server}));
  for (const auto until = Clock::now() + command.patience;;) {
    const auto overview = server.json("/gpu/overview");
    if (overview && member(*overview, "totalGpuDevices") == kDemoDevices &&
        member(*overview, "overallGpuUtilization").is_number() && member(*overview, "totalSessions").is_number() &&
        member(*overview, "totalSessions") != 0)
      return *overview;
    if (Clock::now() > until)
      return fail(Code::Unavailable, "the fleet did not come to the server within {}: {}",
                  format_duration(command.patience), overview ? overview->dump() : overview.error().what);
    if (!wait_until(Clock::now() + 200ms, stop)) return fail(Code::Unavailable, "stopped");
  }
}

/// What is made up has to say so.
constexpr const char* kOfThePast =
    "           tessera forecast capacity --add 2 --server {server}   (five weeks of costs and of waiting pods are "
    "made "
    "up)\n"
    "           tessera advice --server {server}   (after half a minute; two weeks of usage are made up, all else "
    "begins "
    "now)\n";

/// A GPU that is made hot, and cooled again.
constexpr const char* kHeat =
    "           tessera-sim --scenario {folder}/fleet.yaml --state {folder}/worker-01/state --node worker-01 fault "
    "temperature --gpu 1 --celsius 95\n"
    "           curl -s '{server}/k8s-monitor/api/v1/alerts?alert=GPUOverheating'   (fires within half a minute{told}; "
    "the same with '--off' for '--celsius 95' ends it)\n";

void tell(const Demo& demo, const DemoCommand& command, const JsonValue& overview) {
  fmt::print(
      "A simulated fleet: {} GPUs on {} nodes, {} MIG instances, {} processes; {} of it is in use.\n\n"
      "dashboard: {server}/k8s-monitor\n"
      "server:    {server}/k8s-monitor/api/v1/gpu/overview   (described at {server}/openapi.yaml)\n"
      "agents:    http://{agent}/metrics …\n\n"
      "Try:       curl -s {server}/k8s-monitor/api/v1/gpu/overview\n"
      "           curl -sN {server}/k8s-monitor/api/v1/events\n"
      "           tessera top --server {server}\n"
      "           tessera get devices --server {server}\n"
      "           tessera cost --window 24h --server {server}   (once there is half a minute of it)\n"
      "           tessera budgets --server {server}   (crosses its first threshold by the first quarter of an hour)\n"
      "{past}"
      "           curl -s -X POST -H 'Content-Type: application/json' {server}/k8s-monitor/api/v1/gpu/allocations \\\n"
      "             -d "
      "'{{\"namespace\":\"serving\",\"podName\":\"llm-7b-9\",\"useMig\":true,\"requiredMemoryGb\":20,\"computeSlices\":"
      "2}}'\n"
      "           tessera-sim --scenario {folder}/fleet.yaml --state {folder}/worker-02/state --node worker-02 \\\n"
      "             pod come serving/llm-7b-9 --gpu 2 --gi …   (where it was promised; 'pod go' ends it)\n"
      "{heat}\n"
      "Nothing is kept: all files are in {folder} and go when the demo ends.\n",
      text_cell(overview, "totalGpuDevices"), text_cell(overview, "totalNodes"),
      text_cell(overview, "totalMigInstances"), text_cell(overview, "totalSessions"),
      percent_cell(overview, "overallGpuUtilization"),
      fmt::arg("past", demo.has_past ? fmt::format(fmt::runtime(kOfThePast), fmt::arg("server", demo.server)) : ""),
      fmt::arg("heat", fmt::format(fmt::runtime(kHeat), fmt::arg("folder", demo.folder.path().string()),
                                   fmt::arg("server", demo.server),
                                   fmt::arg("told", command.alertmanager.empty() ? "" : ", in Alertmanager too"))),
      fmt::arg("server", demo.server), fmt::arg("agent", demo.agents.front()),
      fmt::arg("folder", demo.folder.path().string()));
}

}  // namespace

Result<void> run_demo(const DemoCommand& command, const std::stop_token& stop) {
  Demo demo{TRY(find_programs())};
  demo.children.reserve(3 * std::size(kDemoNodes) + 2);
  TRY(write_file_atomically(demo.folder.path() / "fleet.yaml", kDemoScenario));
  for (const char* name : kDemoNodes) TRY(start_node(demo, name, command, stop));
  TRY(start_server(demo, command, stop));
  TRY(start_layouts(demo, command, stop));
  TRY(start_relay(demo, command, stop));
  const JsonValue overview = TRY(await_fleet(demo, command, stop));
  TRY(make_budget(demo, command));
  tell(demo, command, overview);
  if (command.check) return {};
  fmt::print("Ctrl-C ends it.\n");
  std::fflush(stdout);
  while (wait_until(Clock::now() + 500ms, stop))
    for (const Spawned& one : demo.children)
      if (!one.running())
        return fail(Code::Unavailable, "a part of the demo ended; see {}", demo.folder.path().string());
  return {};
}

}  // namespace tessera::cli
