#include "relay/config.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "relay/config_read.h"

namespace tessera::relay {
namespace {

constexpr std::size_t kMaxBytes = 4U << 20U;

std::vector<Foreign> root_foreign() {
  using enum Foreign::Treatment;
  static constexpr std::string_view kRules =
      "the relay evaluates no rules and raises no alerts; leave them with the server it writes to";
  return {
      {"rule_files", Refused, kRules},
      {"alerting", Refused, kRules},
      {"remote_read", Refused, "the relay answers no queries; remove it"},
      {"storage", Refused, "the relay stores nothing but its queue; see queue of remote_write"},
      {"tracing", Refused, "the relay sends no traces; remove it"},
      {"otlp", Refused, "the relay receives nothing by OTLP; remove it"},
      {"scrape_config_files", Refused, "put the jobs of those files into scrape_configs"},
      {"runtime", Ineffective, "it tunes a garbage collector, which the relay does not have"},
  };
}

std::vector<Foreign> global_foreign() {
  using enum Foreign::Treatment;
  static constexpr std::string_view kRules = "the relay evaluates no rules";
  return {
      {"evaluation_interval", Ineffective, kRules},
      {"rule_query_offset", Ineffective, kRules},
      {"query_log_file", Refused, "the relay answers no queries; remove it"},
      {"scrape_failure_log_file", Refused, "failures are in the log and in /targets"},
      {"scrape_native_histograms", RefusedOn, "native histograms are not scraped; the classic ones are"},
      {"convert_classic_histograms_to_nhcb", RefusedOn, "native histograms are neither made nor sent"},
      {"always_scrape_classic_histograms", Ineffective, "classic histograms are always scraped"},
      {"metric_name_validation_scheme", Ineffective, "names are taken as they come and checked before they are sent"},
      {"metric_name_escaping_scheme", Ineffective, "names are not escaped"},
      {"extra_scrape_metrics", RefusedOn, "the extra samples of a scrape are not made"},
  };
}

/// ${NAME} and $NAME of the environment, $$ a dollar; a variable that is not set is nothing, as in Prometheus.
std::string expanded(std::string_view text, const Environment& environment) {
  std::string out;
  while (!text.empty()) {
    const auto dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    const bool braced = text.starts_with('{');
    const auto rest = text.substr(braced ? 1 : 0);
    const auto is_name = [](char c) { return is_label_name(std::string{'_', c}); };
    const auto length = static_cast<std::size_t>(std::ranges::find_if_not(rest, is_name) - rest.begin());
    const bool reference = length > 0 && (!braced || rest.substr(length, 1) == "}");
    if (!reference) {
      out += '$';
      continue;
    }
    if (environment) out += environment(std::string(rest.substr(0, length))).value_or("");
    text.remove_prefix(length + (braced ? 2 : 0));
  }
  return out;
}

Result<void> add_external_labels(const Section& section, Labels& into) {
  const auto node = section.find("external_labels");
  if (!node) return {};
  const Labels labels = TRY(read_labels(*node));
  for (const Label& label : labels) {
    if (!value_of(into, label.name).empty())
      return section.error("external_labels", fmt::format("the label '{}' is given twice", label.name));
    const std::string value = expanded(label.value, section.reading().environment);
    if (!is_utf8(value))
      return section.error("external_labels", fmt::format("the label '{}' is not UTF-8", label.name));
    set_label(into, label.name, value);
  }
  return {};
}

Result<void> read_global(const Section& section, ScrapeSettings& defaults, Labels& external_labels) {
  TRY(section.only(
      {"scrape_interval", "scrape_timeout", "scrape_protocols", "external_labels", "body_size_limit", "sample_limit",
       "label_limit", "label_name_length_limit", "label_value_length_limit", "target_limit", "keep_dropped_targets"},
      global_foreign()));
  TRY(read_interval(section, "scrape_interval", defaults));
  defaults.protocols = TRY(read_protocols(section, "scrape_protocols", std::move(defaults.protocols)));
  TRY(read_limits(section, defaults.limits));
  return add_external_labels(section, external_labels);
}

/// What the short language says of all its targets.
Result<void> read_plain_global(const Section& section, ScrapeSettings& defaults) {
  TRY(section.read_period("global_interval", defaults.interval));
  TRY(read_where(section, "global_path", defaults));
  defaults.timeout = std::min(defaults.timeout, defaults.interval);
  return {};
}

bool has_items(const Section& section, std::string_view key) {
  const auto items = section.each(key);
  return !items || !items->empty();
}

Config read_config(const config::Node& root, Reading& reading) {
  const Section prometheus(root, Spelling::Snake, reading);
  const Section plain(root, Spelling::Camel, reading);
  reading.note(prometheus.only({"global", "scrape_configs", "remote_write", "targets", "globalInterval", "globalPath",
                                "externalLabels", "remoteWrite", "builtinTargets"},
                               root_foreign()));
  Config out;
  out.file = reading.file;
  ScrapeSettings defaults;
  const auto global = prometheus.below("global");
  if (global) reading.note(read_global(*global, defaults, out.external_labels));
  reading.note(add_external_labels(plain, out.external_labels));

  ScrapeSettings plain_defaults = defaults;
  if (!global || !global->has("scrape_interval")) plain_defaults.interval = Milliseconds(15'000);
  reading.note(read_plain_global(plain, plain_defaults));

  out.jobs = read_scrape_configs(prometheus, defaults);
  std::ranges::move(read_targets(plain, plain_defaults), std::back_inserter(out.jobs));
  const bool explicit_target = has_items(prometheus, "scrape_configs") || has_items(plain, "targets");
  auto builtin = read_builtin(plain, plain_defaults, explicit_target);
  if (builtin)
    std::ranges::move(*builtin, std::back_inserter(out.jobs));
  else
    reading.note(builtin.error());
  out.destinations = read_destinations(prometheus, plain);
  out.warnings = std::move(reading.warnings);
  return out;
}

}  // namespace

std::string shown(const Place& place) {
  return place.file.empty() ? "built in" : fmt::format("{}:{}", place.file, place.line);
}

Result<Config> parse_config(std::string_view text, const std::string& file, const Environment& environment) {
  const auto root = TRY(config::load(text, file));
  Reading reading{file, std::filesystem::path(file).parent_path(), environment, {}};
  Config config = read_config(root, reading);
  if (!reading.errors.empty()) return fail(Code::Invalid, "{}", fmt::join(reading.errors, "\n"));
  return config;
}

Result<Config> load_config(const std::string& path) {
  const std::string text = TRY(read_file(path, kMaxBytes));
  return parse_config(text, path, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  });
}

}  // namespace tessera::relay
