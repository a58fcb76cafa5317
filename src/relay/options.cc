#include "relay/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/text.h"
#include "config/command_line.h"

namespace tessera::relay {
namespace {

constexpr const char* kAbout =
    "tessera-relay: finds metric pods and other targets, scrapes them, and forwards what they say by remote write, "
    "losing nothing while the receiver is away.";
constexpr const char* kFooter =
    "The configuration is Prometheus' own (global, scrape_configs, remote_write) or the short form (targets, "
    "remoteWrite); without targets of its own the relay finds tessera-agent, dcgm-exporter, vLLM and SGLang pods. "
    "SIGHUP reads it again, and so does a change of the file. Exit status: 0, 1 for a failure, 2 for a wrong command "
    "line.\n\n"
    "http://ADDRESS/targets shows every target, /explain?namespace=NS&pod=POD why a pod is scraped or not.";

struct Given {
  Options options;
  std::string check, explain, shard = "0/1", lease_duration = "15s";
  bool dry_run = false;
};

Result<Share> share_of(const std::string& text) {
  const auto parts = split(text, '/');
  const auto index = parts.size() == 2 ? parse_int(parts[0]) : std::nullopt;
  const auto count = parts.size() == 2 ? parse_int(parts[1]) : std::nullopt;
  constexpr std::int64_t kMost = 1000;
  if (!index || !count || *index < 0 || *count < 1 || *count > kMost || *index >= *count)
    return fail(Code::Invalid, "--shard '{}': I/N expected, with I from 0 to N-1, such as 0/3", text);
  return Share{static_cast<unsigned>(*index), static_cast<unsigned>(*count)};
}

/// A Kubernetes name that is also a label's value, with room for a shard's number.
Result<void> check_lease(const std::string& name) {
  constexpr std::size_t kLongest = 58;
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  const bool good = name.size() <= kLongest && plain(name.front()) && plain(name.back()) &&
                    std::ranges::all_of(name, [&](char c) { return plain(c) || c == '-'; });
  if (good) return {};
  return fail(Code::Invalid, "--shard-lease '{}': at most {} lower-case letters, digits and inner '-' expected", name,
              kLongest);
}

/// Kubernetes' leases count in seconds; below a few of them, a slow API server looks like a dead replica.
Result<Milliseconds> lease_duration_of(const std::string& text) {
  using namespace std::chrono_literals;
  const auto duration = parse_duration(text);
  if (!duration || *duration < 3s || *duration > 1h || *duration % 1s != 0ms)
    return fail(Code::Invalid, "--shard-lease-duration '{}': whole seconds expected, from 3s to 1h, such as 15s", text);
  return *duration;
}

void add_flags(CLI::App& app, Given& given) {
  Options& options = given.options;
  app.add_option("--config", options.config, "what to scrape and where to send it (YAML)")->type_name("FILE");
  app.add_option("--address", options.address, "where to serve /metrics, /targets, /explain, /livez, /readyz [:9411]")
      ->type_name("HOST:PORT");
  app.add_option("--data", options.data,
                 "folder of the queues: what is not sent yet survives restarts here [/var/lib/tessera-relay]")
      ->type_name("DIR");
  app.add_option("--shard", given.shard, "this replica's share of the targets: I of N, I from 0 [0/1]")
      ->type_name("I/N");
  app.add_option("--shard-lease", options.shard_lease,
                 "name of the leases by which replicas see each other, in the pod's namespace; none: do without [in a "
                 "cluster, the pod's name without its number]")
      ->type_name("NAME");
  app.add_option("--shard-lease-duration", given.lease_duration,
                 "after so much silence a replica's targets go to the others [15s]")
      ->type_name("DURATION");
  app.add_option("--web-config-file", options.web_config, "TLS and users, as in Prometheus' web configuration")
      ->type_name("FILE");
  app.add_option(
         "--service-account", options.service_account,
         "folder with token, ca.crt and namespace of the pod's service account [" + options.service_account + "]")
      ->type_name("DIR");
  app.add_option("--check-config", given.check, "check this configuration, say what it comes to, and exit")
      ->type_name("FILE");
  app.add_flag("--dry-run", given.dry_run, "discover and scrape once, print what would be sent, and exit");
  app.add_option("--explain", given.explain, "say step by step why a pod is scraped or not, and exit")
      ->type_name("NAMESPACE/POD");
}

Result<Options> options_of(Given given) {
  Options& options = given.options;
  options.share = TRY(share_of(given.shard));
  if (!options.shard_lease.empty()) TRY(check_lease(options.shard_lease));
  options.shard_lease_duration = TRY(lease_duration_of(given.lease_duration));
  if (!given.check.empty()) {
    options.mode = Mode::CheckConfig;
    options.config = given.check;
  } else if (given.dry_run) {
    options.mode = Mode::DryRun;
  } else if (!given.explain.empty()) {
    const auto slash = given.explain.find('/');
    if (slash == 0 || slash == std::string::npos || slash + 1 == given.explain.size())
      return fail(Code::Invalid, "--explain '{}': NAMESPACE/POD expected", given.explain);
    options.mode = Mode::Explain;
    options.pod_namespace = given.explain.substr(0, slash);
    options.pod = given.explain.substr(slash + 1);
  }
  return options;
}

}  // namespace

Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments) {
  config::CommandLine line("tessera-relay", TESSERA_VERSION, kAbout, kFooter);
  Given given;
  add_flags(line.app(), given);
  if (auto text = TRY(line.parse(arguments))) return std::variant<Options, Text>(Text{*std::move(text)});
  given.options.log_format = line.log().format;
  given.options.log_level = line.log().level;
  return std::variant<Options, Text>(TRY(options_of(std::move(given))));
}

}  // namespace tessera::relay
