#include "cli/arguments.h"

#include <CLI/CLI.hpp>
#include <map>

#include "base/text.h"
#include "cli/checks.h"

namespace tessera::cli {
namespace {

constexpr const char* kAbout =
    "tessera: see the GPUs of this node and of the fleet.\n"
    "\n"
    "  tessera doctor     checks whether this node is fit for Tessera, and says what to do where it is not";

constexpr const char* kDoctorAbout =
    "Checks the driver, the devices, containers, /proc, the kubelet and Prometheus' side of this node, changes "
    "nothing,\n"
    "and says for each finding what was looked at and what to do. Run it as root to see everything.\n"
    "Exit status: 0 without problems (notes and warnings allowed), 1 with, 2 for a wrong command line.";

std::string checks_list() {
  std::string out = "Checks:\n";
  for (const auto& check : checks()) out += fmt::format("  {:<19}{}\n", check.name, check.looks_at);
  out +=
      "\nMarks: ok, note (worth knowing), WARN (something is missing or will hurt), FAIL (a problem).\n"
      "NO_COLOR=1 switches colours off.";
  return out;
}

/// What the user gave; empty where nothing was given, so that --root can move the defaults.
struct Given {
  std::string root = "/";
  std::string nvml, proc, sys, dev, pod_logs, socket, textfile_dir, node_exporter, agent;
};

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

/// CLI11 names what it did not expect; the nearest known word is the hint that people need.
std::string explain(const CLI::App& app, const std::vector<std::string>& arguments, const CLI::Error& error) {
  const CLI::App* at = &app;
  std::vector<std::string> known;
  for (const auto* command : app.get_subcommands()) at = command;
  if (at == &app)
    for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(command->get_name());
  for (const auto* option : at->get_options()) known.push_back(option->get_name());
  const std::vector<std::string_view> candidates(known.begin(), known.end());
  std::string out = error.what();
  for (const auto& argument : arguments) {
    const std::string word = argument.substr(0, argument.find('='));
    if (word.empty() || std::ranges::find(known, word) != known.end() || out.find(word) == std::string::npos) continue;
    if (const auto hint = nearest(word, candidates); !hint.empty()) {
      out += fmt::format("; did you mean {}?", hint);
      break;
    }
  }
  return fmt::format("{}. See: tessera{} --help", out, at == &app ? "" : " " + at->get_name());
}

}  // namespace

Result<Command> parse_arguments(const std::vector<std::string>& arguments) {
  CLI::App app(kAbout, "tessera");
  app.set_version_flag("--version", std::string("tessera ") + TESSERA_VERSION, "print the version and exit");
  app.set_help_flag("-h,--help", "print this help and exit");
  app.require_subcommand(0, 1);
  app.footer("Each command has its own help: tessera doctor --help");

  DoctorCommand command{Places(), Print::Text};
  Given given;
  auto* doctor = app.add_subcommand("doctor", kDoctorAbout);
  add_places(*doctor, given);
  doctor->add_option("--print", command.print, "how to print the findings [text]")
      ->type_name("text|json")
      ->transform(CLI::Transformer(std::map<std::string, Print>{{"text", Print::Text}, {"json", Print::Json}}));
  doctor->add_option("--log-format", command.log_format, "form of log lines on standard error [text]")
      ->type_name("text|json")
      ->transform(CLI::Transformer(
          std::map<std::string, log::Format>{{"text", log::Format::Text}, {"json", log::Format::Json}}));
  doctor->add_option("--log-level", command.log_level, "least level of log lines [error]")
      ->type_name("debug|info|warn|error")
      ->transform(CLI::Transformer(std::map<std::string, log::Level>{{"debug", log::Level::Debug},
                                                                     {"info", log::Level::Info},
                                                                     {"warn", log::Level::Warn},
                                                                     {"error", log::Level::Error}}));
  doctor->footer(checks_list());

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::CallForVersion&) {
    return Command(Text{std::string("tessera ") + TESSERA_VERSION + '\n'});
  } catch (const CLI::Success&) {
    return Command(Text{app.help()});
  } catch (const CLI::Error& error) {
    return fail(Code::Invalid, "{}", explain(app, arguments, error));
  }
  if (!doctor->parsed()) return Command(Text{app.help()});
  command.places = places_of(given);
  return Command(std::move(command));
}

}  // namespace tessera::cli
