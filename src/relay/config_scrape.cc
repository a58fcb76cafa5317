#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/text.h"
#include "relay/config_read.h"

namespace tessera::relay {
namespace {

constexpr std::string_view kNotSpoken = "only text is read; take it out of the list";

constexpr struct {
  std::string_view name;
  std::optional<ScrapeProtocol> means;
} kProtocols[] = {
    {"OpenMetricsText1.0.0", ScrapeProtocol::OpenMetrics1_0_0},
    {"OpenMetricsText0.0.1", ScrapeProtocol::OpenMetrics0_0_1},
    {"PrometheusText0.0.4", ScrapeProtocol::PrometheusText0_0_4},
    {"PrometheusText1.0.0", std::nullopt},
    {"PrometheusProto", std::nullopt},
};

Result<ScrapeProtocol> protocol_of(const config::Node& node) {
  std::vector<std::string_view> names;
  for (const auto& row : kProtocols) names.push_back(row.name);
  const std::string name = TRY(node.word(names));
  const auto* row = std::ranges::find_if(kProtocols, [&](const auto& one) { return one.name == name; });
  if (!row->means) return node.error(fmt::format("{} is not supported: {}", name, kNotSpoken));
  return ScrapeProtocol{*row->means};
}

Result<Relabel> read_rule(const Section& section) {
  TRY(section.only({"source_labels", "separator", "regex", "target_label", "replacement", "action", "modulus"}));
  RelabelRule rule;
  TRY(section.read("source_labels", rule.source_labels));
  TRY(section.read("separator", rule.separator));
  TRY(section.read("regex", rule.regex));
  TRY(section.read("target_label", rule.target_label));
  TRY(section.read("replacement", rule.replacement));
  for (const auto& source : rule.source_labels)
    if (!is_label_name(source))
      return section.error("source_labels", fmt::format("'{}' is no label name", valid_utf8(source)));
  if (const auto modulus = section.find("modulus")) rule.modulus = static_cast<std::uint64_t>(TRY(modulus->integer(0)));
  if (const auto action = section.find("action")) {
    const std::string name = TRY(action->text());
    const auto known = relabel_action(name);
    if (!known) return action->error(known.error().what);
    rule.action = *known;
  }
  auto compiled = Relabel::compile(rule);
  if (!compiled) return section.node().error(compiled.error().what);
  return *std::move(compiled);
}

Result<void> read_params(const Section& section, ScrapeSettings& into) {
  const auto node = section.find("params");
  if (!node) return {};
  into.params.clear();
  const auto entries = TRY(node->entries());
  for (const auto& [name, value] : entries) into.params.emplace_back(name, TRY(value.texts()));
  return {};
}

const std::vector<Foreign>& scrape_foreign() {
  using enum Foreign::Treatment;
  static constexpr std::string_view kDiscovery =
      "write its targets into a file for file_sd_configs, or serve them for http_sd_configs";
  static constexpr std::string_view kHistograms = "native histograms are not scraped; the classic ones are";
  static const std::vector<Foreign> kForeign = [] {
    std::vector<Foreign> rows = {
        {"scrape_native_histograms", RefusedOn, kHistograms},
        {"native_histogram_bucket_limit", RefusedOn, kHistograms},
        {"native_histogram_min_bucket_factor", RefusedOn, kHistograms},
        {"convert_classic_histograms_to_nhcb", RefusedOn, kHistograms},
        {"always_scrape_classic_histograms", Ineffective, "classic histograms are always scraped"},
        {"scrape_classic_histograms", Ineffective, "classic histograms are always scraped"},
        {"metric_name_validation_scheme", Ineffective, "names are taken as they come and checked before they are sent"},
        {"metric_name_escaping_scheme", Ineffective, "names are not escaped"},
        {"scrape_failure_log_file", Refused, "failures are in the log and in /targets"},
        {"extra_scrape_metrics", RefusedOn, "the extra samples of a scrape are not made"},
    };
    for (const std::string_view key :
         {"azure_sd_configs",     "consul_sd_configs",      "digitalocean_sd_configs", "dns_sd_configs",
          "docker_sd_configs",    "dockerswarm_sd_configs", "ec2_sd_configs",          "eureka_sd_configs",
          "gce_sd_configs",       "hetzner_sd_configs",     "ionos_sd_configs",        "kuma_sd_configs",
          "lightsail_sd_configs", "linode_sd_configs",      "marathon_sd_configs",     "nerve_sd_configs",
          "nomad_sd_configs",     "openstack_sd_configs",   "ovhcloud_sd_configs",     "puppetdb_sd_configs",
          "scaleway_sd_configs",  "serverset_sd_configs",   "stackit_sd_configs",      "triton_sd_configs",
          "uyuni_sd_configs",     "vultr_sd_configs"})
      rows.push_back({key, Refused, kDiscovery});
    rows.insert(rows.end(), http_foreign().begin(), http_foreign().end());
    return rows;
  }();
  return kForeign;
}

Result<Job> read_job(const Section& section, const ScrapeSettings& defaults) {
  std::vector<std::string_view> known = {
      "job_name",        "scrape_interval",       "metrics_path",    "static_configs",        "file_sd_configs",
      "http_sd_configs", "kubernetes_sd_configs", "relabel_configs", "metric_relabel_configs"};
  known.insert(known.end(), scrape_keys().begin(), scrape_keys().end());
  TRY(section.only(known, scrape_foreign()));
  Job job;
  TRY(section.read("job_name", job.name));
  if (job.name.empty()) return section.node().error("job_name is missing");
  job.id = job.name;
  job.place = section.place();
  job.scrape = defaults;
  TRY(read_interval(section, "scrape_interval", job.scrape));
  TRY(read_where(section, "metrics_path", job.scrape));
  TRY(read_scrape(section, job.scrape));
  job.scrape.metric_relabel = TRY(read_rules(section, "metric_relabel_configs"));
  job.relabel = TRY(read_rules(section, "relabel_configs"));
  job.discoveries = TRY(read_discoveries(section));
  return job;
}

}  // namespace

const std::vector<std::string_view>& scrape_keys() {
  static const std::vector<std::string_view> kKeys = [] {
    std::vector<std::string_view> keys = {"scrape_timeout",
                                          "scheme",
                                          "params",
                                          "honor_labels",
                                          "honor_timestamps",
                                          "track_timestamps_staleness",
                                          "enable_compression",
                                          "derive_gpu_weights",
                                          "scrape_protocols",
                                          "fallback_scrape_protocol",
                                          "body_size_limit",
                                          "sample_limit",
                                          "label_limit",
                                          "label_name_length_limit",
                                          "label_value_length_limit",
                                          "target_limit",
                                          "keep_dropped_targets"};
    keys.insert(keys.end(), http_keys().begin(), http_keys().end());
    return keys;
  }();
  return kKeys;
}

Result<void> read_where(const Section& section, std::string_view path_key, ScrapeSettings& into) {
  TRY(section.read(path_key, into.path));
  if (into.path.find_first_of(std::string_view("?#\r\n\0 ", 6)) != std::string::npos)
    return section.error(path_key, "expected a path; what follows a question mark belongs into params");
  if (!into.path.starts_with('/')) into.path.insert(into.path.begin(), '/');
  if (const auto scheme = section.find("scheme")) into.scheme = lower(TRY(scheme->text()));
  if (into.scheme != "http" && into.scheme != "https") return section.error("scheme", "expected http or https");
  return {};
}

Result<RelabelRules> read_rules(const Section& section, std::string_view key) {
  RelabelRules rules;
  const auto items = TRY(section.each(key));
  for (const Section& item : items) rules.push_back(TRY(read_rule(item)));
  return rules;
}

Result<void> read_limits(const Section& section, ScrapeLimits& into) {
  TRY(section.read_bytes("body_size_limit", into.body_bytes));
  TRY(section.read_limit("sample_limit", into.samples));
  TRY(section.read_limit("label_limit", into.labels));
  TRY(section.read_limit("label_name_length_limit", into.label_name_length));
  TRY(section.read_limit("label_value_length_limit", into.label_value_length));
  TRY(section.read_limit("target_limit", into.targets));
  return section.read_limit("keep_dropped_targets", into.keep_dropped_targets);
}

Result<void> read_interval(const Section& section, std::string_view interval_key, ScrapeSettings& into) {
  TRY(section.read_period(interval_key, into.interval));
  TRY(section.read_period("scrape_timeout", into.timeout));
  if (into.timeout <= into.interval) return {};
  if (section.has("scrape_timeout"))
    return section.error("scrape_timeout", fmt::format("{} is longer than the interval of {}",
                                                       format_duration(into.timeout), format_duration(into.interval)));
  into.timeout = into.interval;
  return {};
}

Result<std::vector<ScrapeProtocol>> read_protocols(const Section& section, std::string_view key,
                                                   std::vector<ScrapeProtocol> otherwise) {
  const auto node = section.find(key);
  if (!node) return otherwise;
  std::vector<ScrapeProtocol> out;
  const auto items = TRY(node->list());
  for (const auto& item : items) {
    out.push_back(TRY(protocol_of(item)));
    if (std::ranges::count(out, out.back()) > 1) return item.error("is in the list twice");
  }
  if (out.empty()) return section.error(key, "expected at least one protocol");
  return out;
}

Result<void> read_scrape(const Section& section, ScrapeSettings& into) {
  TRY(read_params(section, into));
  TRY(section.read("honor_labels", into.honor_labels));
  TRY(section.read("honor_timestamps", into.honor_timestamps));
  TRY(section.read("track_timestamps_staleness", into.track_timestamps_staleness));
  TRY(section.read("enable_compression", into.compression));
  TRY(section.read("derive_gpu_weights", into.derive_gpu_weights));
  into.protocols = TRY(read_protocols(section, "scrape_protocols", std::move(into.protocols)));
  if (const auto fallback = section.find("fallback_scrape_protocol")) into.fallback = TRY(protocol_of(*fallback));
  TRY(read_limits(section, into.limits));
  into.http = TRY(read_http(section));
  return {};
}

std::vector<Job> read_scrape_configs(const Section& root, const ScrapeSettings& defaults) {
  std::vector<Job> jobs;
  std::set<std::string> names;
  root.read_each("scrape_configs", [&](const Section& item) -> Result<void> {
    jobs.push_back(TRY(read_job(item, defaults)));
    if (names.insert(jobs.back().name).second) return {};
    return item.error("job_name", fmt::format("there is a job '{}' already", valid_utf8(jobs.back().name)));
  });
  return jobs;
}

}  // namespace tessera::relay
