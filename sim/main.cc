// tessera-sim: looks at a simulated node, plays its scenario, breaks it, cuts its GPUs.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>

#include "sim/commands.h"
#include "sim/drop.h"
#include "sim/faults.h"
#include "sim/mig.h"
#include "sim/play.h"
#include "sim/pods.h"
#include "sim/settings.h"
#include "sim/units.h"

namespace tessera::sim {
namespace {

constexpr const char* kFooter = R"(
Environment:
  TESSERA_SIM_SCENARIO=FILE  the scenario (default: one node with two H100, one of them cut into MIG instances)
  TESSERA_SIM_STATE=DIR      where layouts, faults and the clock are kept (default: a directory of this user and scenario)
  TESSERA_SIM_NODE=NAME      which node of the scenario (default: the first)

Examples:
  tessera-sim show
  tessera-sim play --root /tmp/node             then start the agent with the flags that it prints
  tessera-sim fault hang --gpu 0 --for 60s
  tessera-sim fault xid --gpu 1 --code 79 --gi 2
  tessera-sim mig create --gpu 1 --profile 2g.20gb --start 4
  tessera-sim mig destroy --gpu 1 --gi 5
  tessera-sim pod come serving/llm-7b-9 --gpu 1 --gi 3)";

constexpr int kWrongCommandLine = 2;

struct Common {
  NodeOptions node;
  std::string library;
  std::string log_format, log_level;
};

std::string beside_this_program(const std::string& generation) {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  if (length <= 0) return "libnvidia-ml.so.1";
  const std::string bin(path, static_cast<std::size_t>(length));
  const std::string root = bin.substr(0, bin.rfind('/', bin.rfind('/') - 1));
  const std::string folder = generation.empty() || generation == "current" ? "" : generation + "/";
  for (const char* base : {"/sim/", "/lib/tessera/sim/"})
    if (const std::string found = root + base + folder + "libnvidia-ml.so.1"; ::access(found.c_str(), R_OK) == 0)
      return found;
  return root + "/sim/" + folder + "libnvidia-ml.so.1";
}

int finish(const Common& common, const Outcome<std::string>& outcome) {
  if (!outcome) {
    fmt::print(stderr, "{}", complaint(outcome.error().what, common.log_format == "json"));
    return EXIT_FAILURE;
  }
  fmt::print("{}{}", *outcome, outcome->ends_with('\n') || outcome->empty() ? "" : "\n");
  return EXIT_SUCCESS;
}

int on_node(const Common& common, const std::function<Outcome<std::string>(Node&)>& body) {
  const auto node = Node::open(common.node);
  return finish(common, node ? body(**node) : Outcome<std::string>(node.error()));
}

// The library reads the environment, so what the flags said goes there first.
int on_library(const Common& common, const std::function<Outcome<std::string>(const Library&)>& body) {
  const auto node = Node::open(common.node);
  if (!node) return finish(common, node.error());
  const std::string path =
      common.library.empty() ? beside_this_program((*node)->spec().driver.generation) : common.library;
  const auto library = Library::open(path);
  if (!library) return finish(common, library.error());
  if ((*library)->nvmlInit_v2() != nvml::abi::kSuccess)
    return finish(common, Failure{fmt::format("{}: does not initialise", path)});
  const auto outcome = body(**library);
  (*library)->nvmlShutdown();
  return finish(common, outcome);
}

Outcome<std::string> check(const std::string& file) {
  const auto scenario = load_scenario(file);
  if (!scenario) return scenario.error();
  std::string out;
  for (const NodeSpec& node : scenario->nodes) {
    std::size_t processes = 0;
    for (const GpuSpec& gpu : node.gpus) processes += gpu.processes.size();
    out +=
        fmt::format("{}: {} GPUs, {} processes, {} pods\n", node.name, node.gpus.size(), processes, node.pods.size());
  }
  return out;
}

Outcome<std::string> play_node(const Common& common, Node& node, const std::string& root) {
  std::string library = common.library.empty() ? beside_this_program(node.spec().driver.generation) : common.library;
  if (!node.spec().driver.drop_symbols.empty()) {
    auto patched = drop_symbols(library, node.spec().driver.drop_symbols, root + "/lib");
    if (!patched) return patched.error();
    library = *patched;
  }
  const auto played = play(node, root, library);
  return played ? Outcome<std::string>(std::string()) : played.error();
}

std::function<void()> run_into(int& code, std::function<int()> body) {
  return [&code, body = std::move(body)] { code = body(); };
}

// Values that the commands' flags fill in. They live as long as the parser.
struct Flags {
  std::string root, file, reason, toggle, symbol, profile, pod, out = ".";
  std::string duration = "60s";
  std::optional<unsigned> gpu, gi, ci, start;
  unsigned one_gpu = 0, replays = 1;
  std::uint64_t code = 79, corrected = 0, uncorrected = 0;
  int answer = 13;
  bool off = false, no_compute = false;
  std::optional<double> celsius;
  RemapFault remap;
  std::vector<std::string> compute, symbols;
};

void add_gpu(CLI::App* command, Flags& flags) {
  command->add_option("--gpu", flags.one_gpu, "index of the GPU")->required();
}

void add_faults(CLI::App& app, const Common& common, Flags& f, int& code) {
  CLI::App* fault =
      app.add_subcommand("fault", "Break something; it acts at once in every program that runs on the node");
  fault->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, std::function<Outcome<std::string>(Node&)> body) {
    CLI::App* command = fault->add_subcommand(name, help);
    command->callback(run_into(code, [&common, body = std::move(body)] { return on_node(common, body); }));
    return command;
  };
  CLI::App* hang = add("hang", "All calls on the GPU block for a while", [&](Node& node) -> Outcome<std::string> {
    const auto seconds = parse_seconds(f.duration);
    if (!seconds || *seconds < 0)
      throw CLI::ValidationError(fmt::format("--for {}: a duration such as 60s expected", f.duration));
    return fault_hang(node, f.one_gpu, *seconds);
  });
  add_gpu(hang, f);
  hang->add_option("--for", f.duration, "how long, such as 60s")->capture_default_str();

  CLI::App* lost = add("lost", "The GPU is lost: calls on it answer 15",
                       [&](Node& node) { return fault_lost(node, f.one_gpu, f.off); });
  add_gpu(lost, f);
  lost->add_flag("--off", f.off, "it is back");

  CLI::App* absent = add("absent", "The driver does not count the GPU any more, and numbers the others anew",
                         [&](Node& node) { return fault_absent(node, f.one_gpu, f.off); });
  add_gpu(absent, f);
  absent->add_flag("--off", f.off, "it is there again");

  CLI::App* denied = add("denied", "The GPU may not be opened; without --gpu: calls that need root are refused",
                         [&](Node& node) { return fault_denied(node, f.gpu, f.off); });
  denied->add_option("--gpu", f.gpu, "index of the GPU");
  denied->add_flag("--off", f.off, "allowed again");

  CLI::App* xid =
      add("xid", "An XID event", [&](Node& node) { return fault_xid(node, {f.one_gpu, f.code, f.gi, f.ci}); });
  add_gpu(xid, f);
  xid->add_option("--code", f.code, "the XID")->capture_default_str();
  xid->add_option("--gi", f.gi, "GPU instance id");
  xid->add_option("--ci", f.ci, "compute instance id");

  CLI::App* ecc = add("ecc", "More ECC errors", [&](Node& node) {
    if (f.corrected == 0 && f.uncorrected == 0) throw CLI::RequiredError("--corrected NUMBER or --uncorrected NUMBER");
    return fault_ecc(node, f.one_gpu, f.corrected, f.uncorrected);
  });
  add_gpu(ecc, f);
  ecc->add_option("--corrected", f.corrected, "how many");
  ecc->add_option("--uncorrected", f.uncorrected, "how many");

  CLI::App* remap = add("remap", "More remapped rows", [&](Node& node) {
    if (f.remap.correctable == 0 && f.remap.uncorrectable == 0 && !f.remap.pending && !f.remap.failure)
      throw CLI::RequiredError("--correctable NUMBER, --uncorrectable NUMBER, --pending or --failure");
    f.remap.gpu = f.one_gpu;
    return fault_remap(node, f.remap);
  });
  add_gpu(remap, f);
  remap->add_option("--correctable", f.remap.correctable, "how many more");
  remap->add_option("--uncorrectable", f.remap.uncorrectable, "how many more");
  remap->add_flag("--pending", f.remap.pending, "a reset is needed");
  remap->add_flag("--failure", f.remap.failure, "a row could not be remapped");

  CLI::App* throttle =
      add("throttle", "Hold the clocks down", [&](Node& node) { return fault_throttle(node, f.one_gpu, f.reason); });
  add_gpu(throttle, f);
  throttle->add_option("--reason", f.reason, throttle_reasons())->default_str("hw-thermal")->default_val("hw-thermal");

  CLI::App* heat = add("temperature", "Set the temperature", [&](Node& node) -> Outcome<std::string> {
    if (!f.celsius && !f.off) throw CLI::RequiredError("--celsius NUMBER or --off");
    return fault_temperature(node, f.one_gpu, f.off ? std::nullopt : f.celsius);
  });
  add_gpu(heat, f);
  heat->add_option("--celsius", f.celsius, "degrees");
  heat->add_flag("--off", f.off, "follow the load again");

  CLI::App* replay =
      add("replay", "More PCIe replays", [&](Node& node) { return fault_replays(node, f.one_gpu, f.replays); });
  add_gpu(replay, f);
  replay->add_option("--count", f.replays, "how many")->capture_default_str();

  CLI::App* answer =
      add("return", "A function answers this code from now on (0: as it should, 13: as if it were missing)",
          [&](Node& node) { return fault_return(node, f.symbol, f.answer, f.gpu); });
  answer->add_option("--symbol", f.symbol, "the function's name")->required();
  answer->add_option("--code", f.answer, "the nvmlReturn_t")->capture_default_str();
  answer->add_option("--gpu", f.gpu, "only for this GPU");

  CLI::App* stride = add("stride32", "Process entries of 32 bytes, as some 535 drivers write them",
                         [&](Node& node) { return fault_stride32(node, f.toggle == "on"); });
  stride->add_option("state", f.toggle, "on or off")->required()->check(CLI::IsMember({"on", "off"}));

  CLI::App* clear = add("clear", "Take all faults back (what was counted stays counted)",
                        [&](Node& node) { return fault_clear(node, f.gpu); });
  clear->add_option("--gpu", f.gpu, "only of this GPU");
}

void add_mig(CLI::App& app, const Common& common, Flags& f, int& code) {
  CLI::App* mig = app.add_subcommand("mig", "Look at and change MIG instances, through the library's own calls");
  mig->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, std::function<Outcome<std::string>(const Library&)> body) {
    CLI::App* command = mig->add_subcommand(name, help);
    command->callback(run_into(code, [&common, body = std::move(body)] { return on_library(common, body); }));
    return command;
  };
  add("list", "Instances", [&](const Library& l) {
    return mig_list(l, f.gpu);
  })->add_option("--gpu", f.gpu, "only of this GPU");
  add_gpu(add("profiles", "Profiles, where they may lie, and how many more fit",
              [&](const Library& l) { return mig_profiles(l, f.one_gpu); }),
          f);

  CLI::App* create = add("create", "Create a GPU instance with its compute instances", [&](const Library& l) {
    return mig_create(l, {f.one_gpu, f.profile, f.start, f.compute, f.no_compute});
  });
  add_gpu(create, f);
  create->add_option("--profile", f.profile, "such as 2g.20gb")->required();
  create->add_option("--start", f.start, "first memory slice (default: the driver chooses)");
  create->add_option("--compute", f.compute, "compute instances, such as 1c 2c (default: one over the whole instance)");
  create->add_flag("--no-compute", f.no_compute, "no compute instance");

  CLI::App* destroy = add("destroy", "Destroy a GPU instance with its compute instances, or one of those",
                          [&](const Library& l) { return mig_destroy(l, f.one_gpu, f.gi.value_or(0), f.ci); });
  add_gpu(destroy, f);
  destroy->add_option("--gi", f.gi, "GPU instance id")->required();
  destroy->add_option("--ci", f.ci, "only this compute instance");

  CLI::App* mode =
      add("mode", "Turn MIG on or off", [&](const Library& l) { return mig_mode(l, f.one_gpu, f.toggle == "on"); });
  add_gpu(mode, f);
  mode->add_option("state", f.toggle, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
}

void add_pods(CLI::App& app, const Common& common, Flags& f, int& code) {
  CLI::App* pods =
      app.add_subcommand("pod", "Let a pod come, and go; the kubelet's socket then says what it was given");
  pods->require_subcommand(1);
  const auto add = [&](const char* name, const char* help, std::function<Outcome<std::string>(Node&)> body) {
    CLI::App* command = pods->add_subcommand(name, help);
    command->add_option("pod", f.pod, "NAMESPACE/NAME")->required();
    command->callback(run_into(code, [&common, body = std::move(body)] { return on_node(common, body); }));
    return command;
  };
  CLI::App* come = add("come", "It comes, and is given a GPU or a GPU instance",
                       [&](Node& node) { return pod_comes(node, f.pod, f.one_gpu, f.gi); });
  add_gpu(come, f);
  come->add_option("--gi", f.gi, "GPU instance id (default: the whole GPU)");
  add("go", "It goes, and gives back what it had", [&](Node& node) { return pod_goes(node, f.pod); });
}

void add_node_commands(CLI::App& app, const Common& common, Flags& f, int& code) {
  app.add_subcommand("show", "What the node looks like now")->callback(run_into(code, [&] {
    return on_library(common, show);
  }));

  CLI::App* play_command =
      app.add_subcommand("play", "Lay out /proc, /sys, pod logs and a kubelet socket, and keep them in step");
  play_command->add_option("--root", f.root, "directory to lay them out in")->required();
  play_command->callback(
      run_into(code, [&] { return on_node(common, [&](Node& node) { return play_node(common, node, f.root); }); }));

  CLI::App* check_command = app.add_subcommand("check", "Read a scenario and say what is wrong with it");
  check_command->add_option("file", f.file, "the scenario")->required();
  check_command->callback(run_into(code, [&] { return finish(common, check(f.file)); }));

  CLI::App* reset =
      app.add_subcommand("reset", "Reset a GPU: a pending MIG mode comes into effect, instances are gone");
  add_gpu(reset, f);
  reset->callback(run_into(code, [&] {
    return on_node(common, [&](Node& node) -> Outcome<std::string> {
      if (f.one_gpu >= node.spec().gpus.size()) return Failure{fmt::format("--gpu {}: no such GPU", f.one_gpu)};
      node.store().update([&](State& state) {
        reset_gpu(node, state, f.one_gpu, wall_microseconds());
        return true;
      });
      return fmt::format("GPU {} was reset", f.one_gpu);
    });
  }));

  app.add_subcommand("reload", "Load the driver anew: counters start at zero, MIG instances are gone")
      ->callback(run_into(code, [&] { return on_node(common, reload_driver); }));

  app.add_subcommand("restart", "Start the scenario over: its clock, layouts and no faults")
      ->callback(run_into(code, [&] {
        return on_node(common, [](Node& node) -> Outcome<std::string> {
          node.store().update([&](State& state) {
            state = initial_state(node.scenario(), node.spec(), wall_microseconds());
            return true;
          });
          return std::string("the scenario starts now");
        });
      }));

  CLI::App* drop = app.add_subcommand("drop", "Copy the library without some of its functions");
  drop->add_option("symbols", f.symbols, "names of functions")->required();
  drop->add_option("--to", f.out, "directory of the copy")->capture_default_str();
  drop->callback(run_into(code, [&] {
    return finish(common,
                  drop_symbols(common.library.empty() ? beside_this_program("") : common.library, f.symbols, f.out));
  }));
}

// Flags of every command. What a flag or the file says of the node is set in the environment at once, because the
// library that some commands open reads it there.
void add_common(CLI::App& app, Common& common) {
  const auto environment = [&](const char* flag, const char* name, std::string& value, const char* help) {
    app.add_option(flag, value, help)->each([name](const std::string& given) { ::setenv(name, given.c_str(), 1); });
  };
  environment("--scenario", "TESSERA_SIM_SCENARIO", common.node.scenario, "scenario file");
  environment("--state", "TESSERA_SIM_STATE", common.node.state, "state directory");
  environment("--node", "TESSERA_SIM_NODE", common.node.node, "node of the scenario");
  app.add_option("--library", common.library,
                 "the simulated libnvidia-ml.so.1 (default: the one built with this program)");
  app.add_option("--log-format", common.log_format, "text or json: how errors are told on standard error")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--log-level", common.log_level, "debug, info, warn or error; this program tells errors only")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
  // Last, so that it finds what flags have said: a flag wins over the environment, and both over the file.
  app.add_option("--config", "YAML file with scenario, state, node, library, logFormat, logLevel")
      ->type_name("FILE")
      ->each([&common](const std::string& file) {
        const auto settings = load_settings(file);
        if (!settings) throw CLI::ValidationError(settings.error().what);
        const auto set = [](const char* name, const std::string& value) {
          if (!value.empty()) ::setenv(name, value.c_str(), 0);
        };
        set("TESSERA_SIM_SCENARIO", settings->scenario);
        set("TESSERA_SIM_STATE", settings->state);
        set("TESSERA_SIM_NODE", settings->node);
        if (common.library.empty()) common.library = settings->library;
        if (common.log_format.empty()) common.log_format = settings->log_format;
      });
}

int run(int argc, char** argv) {
  CLI::App app{"Looks at, plays and breaks a simulated GPU node", "tessera-sim"};
  app.footer(kFooter);
  app.require_subcommand(1);
  app.set_version_flag("--version", "tessera-sim " TESSERA_VERSION);
  app.fallthrough();
  Common common;
  Flags flags;
  int code = EXIT_SUCCESS;
  add_common(app, common);
  add_node_commands(app, common, flags, code);
  add_faults(app, common, flags, code);
  add_mig(app, common, flags, code);
  add_pods(app, common, flags, code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == EXIT_SUCCESS ? EXIT_SUCCESS : kWrongCommandLine;
  }
  return code;
}

}  // namespace
}  // namespace tessera::sim

int main(int argc, char** argv) { return tessera::sim::run(argc, argv); }
