#include "operator/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/command_line.h"
#include "operator/crd.h"
#include "operator/rights.h"
#include "operator/yaml_text.h"

namespace tessera::operate {
namespace {

constexpr const char* kAbout =
    "tessera-operator: makes of one GpuMonitor resource what monitors the GPUs of a cluster: agents on nodes, relay, "
    "server.";
constexpr const char* kFooter =
    "Without --dry-run it serves the cluster whose pod it is, and what it does is told by the resource alone: kubectl "
    "describe gpumonitor. Several replicas may run: one of them leads. Exit status: 0, 1 for a failure, 2 for a wrong "
    "command line.";

struct Given {
  Options options;
  bool once = false, crd = false, rights = false;
  const CLI::Option* remove = nullptr;
  std::string version, lease_duration = "15s";
};

void add_flags(CLI::App& app, Given& given) {
  Options& options = given.options;
  app.add_option("--address", options.address, "where to serve /metrics, /livez, /readyz [:9412]")
      ->type_name("HOST:PORT");
  app.add_option("--web-config-file", options.web_config, "TLS and users, as in Prometheus' web configuration")
      ->type_name("FILE");
  app.add_option(
         "--service-account", options.service_account,
         "folder with token, ca.crt and namespace of the pod's service account [" + options.service_account + "]")
      ->type_name("DIR");
  app.add_option("--lease-duration", given.lease_duration,
                 "after so much silence of the leader another replica leads [15s]")
      ->type_name("DURATION");
  app.add_flag("--once", given.once, "do it once and exit: with --dry-run");
  app.add_flag("--dry-run", options.dry_run, "print what would be applied, as YAML, and change nothing");
  app.add_option("--file", options.file, "a GpuMonitor, in YAML or JSON: with --dry-run")->type_name("FILE");
  app.add_option("--kubernetes-version", given.version, "version of the cluster that it is printed for [1.30]")
      ->type_name("1.MINOR");
  given.remove =
      app.add_option(
             "--remove", options.remove,
             "delete this GpuMonitor, wait until the operator has taken away what belongs to it, and exit: what an "
             "uninstall begins with")
          ->type_name("NAME");
  app.add_flag("--crd", given.crd, "print the CustomResourceDefinition and exit");
  app.add_flag("--rights", given.rights, "print the ClusterRole that the operator needs and exit");
}

/// "1.28", "v1.28.3" or "1.28+", as clusters tell it.
Result<unsigned> minor_of(std::string_view version) {
  std::string_view rest = version;
  if (rest.starts_with('v')) rest.remove_prefix(1);
  const auto parts = split(rest, '.');
  const auto digits =
      parts.size() < 2 ? std::string_view() : parts[1].substr(0, parts[1].find_first_not_of("0123456789"));
  const auto minor = parse_int(digits);
  constexpr std::int64_t kMost = 1000;
  if (parts[0] != "1" || !minor || *minor < 0 || *minor > kMost)
    return fail(Code::Invalid, "--kubernetes-version '{}': a version expected, such as 1.28", version);
  return static_cast<unsigned>(*minor);
}

/// Kubernetes' leases count in seconds; below a few of them, a slow API server looks like a dead leader.
Result<Milliseconds> lease_duration_of(const std::string& text) {
  using namespace std::chrono_literals;
  const auto duration = parse_duration(text);
  if (!duration || *duration < 3s || *duration > 1h || *duration % 1s != 0ms)
    return fail(Code::Invalid, "--lease-duration '{}': whole seconds expected, from 3s to 1h, such as 15s", text);
  return *duration;
}

Result<Options> options_of(Given given) {
  Options& options = given.options;
  const bool prints = options.dry_run || given.once || !options.file.empty();
  if (prints && (!options.dry_run || options.file.empty()))
    return fail(Code::Invalid,
                "--once --dry-run --file FILE prints what a GpuMonitor comes to, and needs all three; without them the "
                "operator serves its cluster. See: tessera-operator --help");
  const bool removes = given.remove->count() > 0;
  if (prints && removes) return fail(Code::Invalid, "--remove changes a cluster, and --dry-run prints: one of the two");
  if (removes && options.remove.empty()) return fail(Code::Invalid, "--remove: the name of a GpuMonitor expected");
  if (!given.version.empty()) options.minor = TRY(minor_of(given.version));
  options.lease_duration = TRY(lease_duration_of(given.lease_duration));
  return options;
}

}  // namespace

Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments) {
  config::CommandLine line("tessera-operator", TESSERA_VERSION, kAbout, kFooter);
  Given given;
  add_flags(line.app(), given);
  line.take_flags_from_file();
  if (auto text = TRY(line.parse(arguments))) return std::variant<Options, Text>(Text{*std::move(text)});
  given.options.log_format = line.log().format;
  given.options.log_level = line.log().level;
  if (given.crd) return std::variant<Options, Text>(Text{yaml_text(crd())});
  if (given.rights) return std::variant<Options, Text>(Text{yaml_text(operator_role())});
  return std::variant<Options, Text>(TRY(options_of(std::move(given))));
}

}  // namespace tessera::operate
