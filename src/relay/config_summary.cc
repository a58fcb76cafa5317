#include <fmt/ranges.h>

#include <fstream>
#include <set>

#include "relay/config.h"
#include "relay/reports.h"

namespace tessera::relay {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

std::string bytes(std::uint64_t count) {
  constexpr std::string_view kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(count);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return fmt::format("{:.4g} {}", value, kUnits[unit]);
}

std::string counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string namespaces_of(const Namespaces& namespaces) {
  if (namespaces.own && namespaces.names.empty()) return "the relay's own namespace";
  if (namespaces.names.empty()) return "all namespaces";
  return fmt::format("namespace {}{}", fmt::join(namespaces.names, ", "), namespaces.own ? " and the relay's own" : "");
}

std::string port_of(const PortChoice& port) {
  if (port.number) return fmt::format("port {}", *port.number);
  return port.name.empty() ? "every declared port" : "port " + port.name;
}

std::string pods_of(const PodDiscovery& pods) {
  const std::string place = namespaces_of(pods.namespaces) + (pods.api_server.empty() ? "" : " at " + pods.api_server);
  switch (pods.role) {
    case PodRole::Prometheus:
      return fmt::format("pods of {}, by the job's relabelling", place);
    case PodRole::PodMonitor:
      return fmt::format("pods of {} with {}, {}", place, pods.select.empty() ? "any labels" : to_query(pods.select),
                         port_of(pods.port));
    case PodRole::Builtin:
      break;
  }
  return fmt::format("pods of {} that look like {}", place, name_of(pods.builtin));
}

std::string groups_of(const StaticDiscovery& fixed) {
  std::size_t count = 0;
  for (const TargetGroup& group : fixed.groups) count += group.targets.size();
  return counted(count, "fixed target");
}

template <class Any>
std::string source_of(const Any& discovery) {
  return std::visit(
      Overloaded{[](const StaticDiscovery& fixed) { return groups_of(fixed); },
                 [](const FileDiscovery& file) { return fmt::format("files {}", fmt::join(file.files, ", ")); },
                 [](const HttpDiscovery& http) {
                   return fmt::format("endpoint {} every {}", http.url, format_duration(http.refresh));
                 },
                 [](const PodDiscovery& pods) { return pods_of(pods); }},
      discovery);
}

void append_job(std::string& out, const Job& job) {
  const ScrapeSettings& scrape = job.scrape;
  out += fmt::format("\njob {} ({})\n  scrape     every {}, timeout {}, {} over {}{}\n", job.id, shown(job.place),
                     format_duration(scrape.interval), format_duration(scrape.timeout), scrape.path, scrape.scheme,
                     scrape.honor_labels ? ", labels of the page win (honor_labels)" : "");
  const auto& limits = scrape.limits;
  out += fmt::format("  limits     a page: {}, {}\n", limits.body_bytes ? bytes(*limits.body_bytes) : "any size",
                     limits.samples ? counted(*limits.samples, "sample") : "any number of samples");
  if (scrape.derive_gpu_weights) out += "  derives    weights of MIG instances, where the page has none\n";
  for (const auto& discovery : job.discoveries) out += fmt::format("  finds      {}\n", source_of(discovery));
  if (!job.relabel.empty() || !scrape.metric_relabel.empty())
    out += fmt::format("  relabels   targets by {}, samples by {}\n", counted(job.relabel.size(), "rule"),
                       counted(scrape.metric_relabel.size(), "rule"));
}

std::string_view protocol_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::V1:
      return "remote write 1.0";
    case Protocol::V2:
      return "remote write 2.0";
    case Protocol::Auto:
      break;
  }
  return "remote write 2.0, or 1.0 where the receiver does not speak it";
}

void append_destination(std::string& out, const Destination& destination, const std::string& data) {
  const QueueSettings& queue = destination.queue;
  out += fmt::format("\ndestination {} ({})\n  sends to   {}, {}\n", destination.name, shown(destination.place),
                     destination.url, protocol_of(destination.protocol));
  out += fmt::format("  queue      {}: up to {} or {} old, then the oldest go\n",
                     queue.dir.empty() ? data + "/queue/" + destination.name : queue.dir, bytes(queue.max_bytes),
                     format_duration(queue.max_age));
  out += fmt::format("  requests   {} side by side, each of up to {} or what comes in {}\n", queue.shards,
                     counted(queue.max_samples_per_send, "sample"), format_duration(queue.batch_deadline));
  if (!destination.relabel.empty())
    out += fmt::format("  relabels   samples by {}\n", counted(destination.relabel.size(), "rule"));
}

void add_files(std::set<std::string>& files, const HttpSettings& http) {
  if (http.basic_auth) files.insert({http.basic_auth->username_file, http.basic_auth->password_file});
  if (http.authorization) files.insert(http.authorization->credentials_file);
  files.insert({http.tls.ca_file, http.tls.cert_file, http.tls.key_file});
  for (const Header& header : http.headers) files.insert(header.value_file);
}

/// Files that are read when something is sent: passwords, tokens, certificates.
std::set<std::string> files_of(const Config& config) {
  std::set<std::string> files;
  for (const Job& job : config.jobs) {
    add_files(files, job.scrape.http);
    for (const auto& discovery : job.discoveries) {
      if (const auto* http = std::get_if<HttpDiscovery>(&discovery)) add_files(files, http->http);
      if (const auto* pods = std::get_if<PodDiscovery>(&discovery)) add_files(files, pods->http);
    }
  }
  for (const Destination& destination : config.destinations) add_files(files, destination.http);
  files.erase("");
  return files;
}

std::vector<std::string> warnings_of(const Config& config) {
  std::vector<std::string> warnings = config.warnings;
  if (config.destinations.empty())
    warnings.emplace_back("nothing is forwarded: add remoteWrite (or remote_write) with a url");
  for (const std::string& file : files_of(config))
    if (!std::ifstream(file)) warnings.push_back(fmt::format("{} cannot be read here", file));
  return warnings;
}

}  // namespace

Result<std::string> config_summary(const Options& options) {
  const Config config = TRY(options.config.empty() ? parse_config("", "") : load_config(options.config));
  std::string out = fmt::format("{}: good. {}, {}.\n", options.config.empty() ? "built in" : options.config,
                                counted(config.jobs.size(), "job"), counted(config.destinations.size(), "destination"));
  if (!config.external_labels.empty()) out += fmt::format("every series gets {}\n", shown(config.external_labels));
  for (const Job& job : config.jobs) append_job(out, job);
  for (const Destination& destination : config.destinations) append_destination(out, destination, options.data);
  const auto warnings = warnings_of(config);
  if (!warnings.empty()) out += '\n';
  for (const std::string& warning : warnings) out += fmt::format("warning: {}\n", warning);
  return out;
}

}  // namespace tessera::relay
