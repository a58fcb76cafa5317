#include "cli/arguments.h"

#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "base/text.h"
#include "cli/arguments_fleet.h"
#include "cli/checks.h"
#include "cli/cluster_doctor.h"
#include "cli/server_doctor.h"
#include "config/flag_file.h"

namespace tessera::cli {
namespace {

constexpr const char* kAbout = "tessera: see the GPUs of this node and of the fleet.";

template <class T>
struct Choice {
  const char* word;
  T value;
};
constexpr Choice<Print> kPrints[] = {{"text", Print::Text}, {"json", Print::Json}};
constexpr Choice<log::Format> kLogFormats[] = {{"text", log::Format::Text}, {"json", log::Format::Json}};
constexpr Choice<log::Level> kLogLevels[] = {
    {"error", log::Level::Error}, {"warn", log::Level::Warn}, {"info", log::Level::Info}, {"debug", log::Level::Debug}};

std::string checks_list() {
  std::string out = "Checks, all of which only read:\n";
  for (const auto& check : checks()) out += fmt::format("  {:<19}{}\n", check.name, check.looks_at);
  out += fmt::format("\n{}\n{}", server_checks_text(), cluster_checks_text());
  out +=
      "\nMarks: ok, note (worth knowing), WARN (something is missing or will hurt), FAIL (a problem).\n"
      "Exit status: 0 without problems (notes and warnings allowed), 1 with, 2 for a wrong command line.\n"
      "Run it as root to see everything. NO_COLOR=1 switches colours off.\n"
      "--config, --log-format and --log-level are for every command: tessera --help.";
  return out;
}

/// What the user gave; empty where nothing was given, so that --root can move the defaults.
struct Given {
  std::string root = "/";
  std::string nvml, proc, sys, dev, pod_logs, socket, textfile_dir, node_exporter, agent;
  std::string relay = "http://127.0.0.1:9411";
  ClusterPlace cluster;
  bool of_cluster = false;
  std::string config;
  std::string patience = "5s";
  std::string print = kPrints[0].word, log_format = kLogFormats[0].word, log_level = kLogLevels[0].word;
};

/// An option whose value is one of a few words, the first of which is the default.
template <class T, std::size_t N>
void add_choice(CLI::App& app, const char* flag, std::string& target, const char* what, const Choice<T> (&choices)[N]) {
  std::vector<std::string> words;
  for (const auto& choice : choices) words.emplace_back(choice.word);
  const auto shown = fmt::format("{}", fmt::join(words, "|"));
  const auto check = [words, shown](const std::string& word) {
    return std::ranges::find(words, word) != words.end() ? std::string()
                                                         : fmt::format("'{}', but one of {} is expected", word, shown);
  };
  app.add_option(flag, target, fmt::format("{} [{}]", what, words.front()))->type_name(shown)->check(check);
}

template <class T, std::size_t N>
T chosen(const std::string& word, const Choice<T> (&choices)[N]) {
  return std::ranges::find(choices, word, &Choice<T>::word)->value;
}

Places places_of(const Given& given) {
  Places out(given.root);
  const auto take = [](auto& place, const std::string& text) {
    if (!text.empty()) place = text;
  };
  take(out.nvml, given.nvml);
  take(out.proc, given.proc);
  take(out.sys, given.sys);
  take(out.dev, given.dev);
  take(out.pod_logs, given.pod_logs);
  take(out.kubelet_socket, given.socket);
  take(out.textfile_dir, given.textfile_dir);
  take(out.node_exporter, given.node_exporter);
  take(out.agent, given.agent);
  return out;
}

void add_places(CLI::App& app, Given& given) {
  const auto place = [&](const char* flag, std::string& target, const char* what, const char* value,
                         const char* shown) {
    app.add_option(flag, target, fmt::format("{} [{}]", what, shown))->type_name(value);
  };
  place("--root", given.root, "the node's root, where it is mounted in a container: moves all folders below", "DIR",
        "/");
  place("--nvml", given.nvml, "the driver library: a name for the loader, or a path", "PATH", "libnvidia-ml.so.1");
  place("--proc", given.proc, "the process file system", "DIR", "/proc");
  place("--sys", given.sys, "the kernel's device tree", "DIR", "/sys");
  place("--dev", given.dev, "the device files", "DIR", "/dev");
  place("--pod-logs", given.pod_logs, "the folder with the kubelet's pods/ and containers/", "DIR", "/var/log");
  place("--pod-resources-kubelet-socket", given.socket, "the kubelet's socket", "PATH",
        "/var/lib/kubelet/pod-resources/kubelet.sock");
  place("--textfile-dir", given.textfile_dir, "node_exporter's textfile folder", "DIR", "where node_exporter looks");
  place("--node-exporter", given.node_exporter, "where node_exporter answers", "URL", "http://127.0.0.1:9100");
  place("--agent", given.agent, "where tessera-agent answers", "URL", "http://127.0.0.1:9400");
}

void add_cluster(CLI::App& doctor, Given& given) {
  doctor.add_flag("--cluster", given.of_cluster, "look at the Kubernetes cluster and not at the node");
  doctor
      .add_option("--kubeconfig", given.cluster.kubeconfig,
                  "with --cluster: which, and as whom [$KUBECONFIG, a pod's own account, ~/.kube/config]")
      ->type_name("FILE");
  doctor.add_option("--context", given.cluster.context, "with --cluster: context of that file [its current one]")
      ->type_name("NAME");
  doctor.add_option("--api", given.cluster.api, "with --cluster: where a `kubectl proxy` answers, in place of both")
      ->type_name("URL");
}

/// Of commands that ask somebody and print the answer.
void add_asking(CLI::App& app, Given& given) {
  app.add_option("--patience", given.patience,
                 "how long to wait for one answer of a device, the kubelet or a server [5s]")
      ->type_name("DURATION")
      ->check(check_duration);
  add_choice(app, "--print", given.print, "how to print it", kPrints);
}

void add_common(CLI::App& app, Given& given) {
  app.add_option("--config", given.config,
                 "settings from a YAML file: every flag of every command is a key, --log-format is logFormat; a flag "
                 "wins over the file")
      ->type_name("FILE");
  add_choice(app, "--log-format", given.log_format, "form of log lines on standard error", kLogFormats);
  add_choice(app, "--log-level", given.log_level, "least level of log lines", kLogLevels);
}

/// CLI11 names what it did not expect; the nearest known word is the hint that people need.
std::string explain(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::Error& error) {
  const CLI::App* at = &app;
  std::vector<std::string> known;
  while (!at->get_subcommands().empty()) at = at->get_subcommands().front();
  for (const auto* option : app.get_options()) known.push_back(option->get_name());
  for (const auto* option : at->get_options()) known.push_back(option->get_name());
  for (const auto* command : at->get_subcommands([](const CLI::App*) { return true; }))
    known.push_back(command->get_name());
  const auto others = static_cast<std::ptrdiff_t>(known.size());
  if (at != &app) known.push_back(at->get_name());
  const std::vector<std::string_view> candidates(known.begin(), known.begin() + others);
  std::string out = error.what();
  const bool names_none = error.get_name() == "RequiredError";  // it misses a command, and does not say what it got
  for (const auto& argument : arguments) {
    const std::string word = argument.substr(0, argument.find('='));
    if (word.empty() || std::ranges::find(known, word) != known.end()) continue;
    if (!names_none && out.find(word) == std::string::npos) continue;
    if (const auto hint = nearest(word, candidates); !hint.empty()) {
      out += fmt::format("; did you mean {}?", hint);
      break;
    }
  }
  std::string path;
  for (; at != &app; at = at->get_parent()) path = " " + at->get_name() + path;
  return fmt::format("{}. See: tessera{} --help", out, path);
}

}  // namespace

Result<Command> parse_arguments(const std::vector<std::string>& arguments) {
  CLI::App app(kAbout, "tessera");
  app.set_version_flag("--version", std::string("tessera ") + TESSERA_VERSION, "print the version and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.require_subcommand(0, 1);
  app.footer("Each command has its own help: tessera doctor --help");

  Given given;
  add_common(app, given);
  auto* doctor = app.add_subcommand("doctor", "Check this node, and say what to do about each finding");
  doctor->fallthrough();  // the flags of every command may stand behind it too
  add_places(*doctor, given);
  add_asking(*doctor, given);
  doctor->footer(checks_list());
  FleetArguments fleet;
  fleet.add_server(*doctor, "look at this server and not at the node");
  add_cluster(*doctor, given);
  auto* get = app.add_subcommand("get", "Show what a part of the product knows");
  get->require_subcommand(1);
  get->fallthrough();
  auto* targets = get->add_subcommand("targets", "What a relay scrapes, and how it goes: problems first");
  targets->fallthrough();
  targets->add_option("--relay", given.relay, fmt::format("where tessera-relay answers [{}]", given.relay))
      ->type_name("URL");
  add_asking(*targets, given);
  fleet.add_lists(*get);
  fleet.add_top(app);
  fleet.add_demo(app);
  fleet.add_explain(app);
  fleet.add_cost(app);
  fleet.add_forecast(app);
  fleet.add_budgets(app);
  fleet.add_advice(app);
  fleet.add_benchmarks(app);

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::CallForVersion&) {
    return Command(Text{std::string("tessera ") + TESSERA_VERSION + '\n'});
  } catch (const CLI::Success&) {
    return Command(Text{app.help()});
  } catch (const CLI::Error& error) {
    return fail(Code::Invalid, "{}", explain(app, arguments, error));
  }
  auto commands = fleet.commands();
  commands.insert(commands.end(), {doctor, targets});
  const auto parsed = std::ranges::find_if(commands, [](const CLI::App* one) { return one->parsed(); });
  if (parsed == commands.end()) return Command(Text{app.help()});
  if (!given.config.empty()) {
    // Several commands may have one flag: that of the command that runs counts, so it comes first.
    std::iter_swap(commands.begin(), parsed);
    auto options = app.get_options();
    for (auto* command : commands) std::ranges::copy(command->get_options(), std::back_inserter(options));
    TRY(config::apply_flag_file(given.config, options));
  }
  if (targets->parsed())
    return Command(GetTargetsCommand{given.relay, *parse_duration(given.patience), chosen(given.print, kPrints)});
  if (!doctor->parsed()) return fleet.command();
  DoctorCommand out{places_of(given), *parse_duration(given.patience), chosen(given.print, kPrints),
                    chosen(given.log_format, kLogFormats), chosen(given.log_level, kLogLevels)};
  if (given.of_cluster) {
    out.cluster = given.cluster;
    out.cluster->patience = out.patience;
  } else if (fleet.names_server(*doctor)) {
    out.server = TRY(fleet.place());
    out.server->patience = out.patience;
  }
  return Command(std::move(out));
}

}  // namespace tessera::cli
