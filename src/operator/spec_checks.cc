#include "operator/spec_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "base/text.h"
#include "operator/field.h"
#include "operator/selectors.h"

namespace tessera::operate {
namespace {

/// "Not all of these labels" is one alternative a label, and several overrides multiply.
constexpr std::size_t kMostAlternatives = 64;

}  // namespace

Result<void> check(const LabelSelector& selector) {
  for (const kube::Requirement& one : to_kube(selector)) TRY(kube::check(one));
  return {};
}

Result<void> check_relay_settings(const Raw& settings) {
  static constexpr std::pair<std::string_view, std::string_view> kFields[] = {
      {"targets", "openAgent.targets"},
      {"builtinTargets", "openAgent.builtinTargets"},
      {"globalInterval", "openAgent.globalInterval"},
      {"globalPath", "openAgent.globalPath"},
      {"remoteWrite", "spec.remoteWrite"}};
  static constexpr std::string_view kTaken[] = {"externalLabels", "global", "scrape_configs"};
  if (!settings.given()) return {};
  const auto given = nlohmann::json::parse(settings.json);
  if (!given.is_object()) return fail(Code::Invalid, "openAgent.settings: expected a map, as docs/relay.md has it");
  for (const auto& [key, value] : given.items()) {
    const std::string_view name = key;
    const auto* const field = std::ranges::find(kFields, name, [](const auto& one) { return one.first; });
    if (field != std::end(kFields))
      return fail(Code::Invalid, "openAgent.settings: {} stands in {}", key, field->second);
    if (std::ranges::find(kTaken, name) == std::end(kTaken))
      return fail(Code::Invalid, "openAgent.settings: {} is not known; expected one of {}", key,
                  fmt::join(kTaken, ", "));
  }
  return {};
}

Result<void> check_rules(const std::vector<Raw>& rules, bool of_prometheus) {
  static constexpr std::string_view kKeys[] = {"separator", "regex", "replacement", "action", "modulus"};
  static constexpr std::string_view kActions[] = {"replace",   "keep",      "drop",     "keepequal",
                                                  "dropequal", "hashmod",   "labelmap", "labeldrop",
                                                  "labelkeep", "lowercase", "uppercase"};
  for (const Raw& rule : rules) {
    const auto given = nlohmann::json::parse(rule.json);
    if (!given.is_object()) return fail(Code::Invalid, "a rule is a map, such as {{action: drop, regex: …}}");
    for (const auto& [key, value] : given.items()) {
      const bool label = key == (of_prometheus ? "source_labels" : "sourceLabels") ||
                         key == (of_prometheus ? "target_label" : "targetLabel");
      if (!label && std::ranges::find(kKeys, std::string_view(key)) == std::end(kKeys))
        return fail(Code::Invalid, "a rule has no key {}; expected {}, {} or one of {}", key,
                    of_prometheus ? "source_labels" : "sourceLabels", of_prometheus ? "target_label" : "targetLabel",
                    fmt::join(kKeys, ", "));
    }
    const std::string action = given.contains("action") && given["action"].is_string()
                                   ? lower(given["action"].get<std::string>())
                                   : std::string(kActions[0]);
    if (std::ranges::find(kActions, action) == std::end(kActions))
      return fail(Code::Invalid, "a rule has no action {}; expected one of {}", action, fmt::join(kActions, ", "));
  }
  return {};
}

Result<void> check_timeouts(const OpenAgent& agent) {
  for (const Target& target : agent.targets)
    for (const Endpoint& endpoint : target.endpoints) {
      const Milliseconds interval = endpoint.interval.value_or(agent.global_interval);
      if (endpoint.scrape_timeout.value_or(interval) > interval)
        return fail(Code::Invalid, "target '{}': scrapeTimeout {} is longer than the interval, {}", target.name,
                    format_duration(*endpoint.scrape_timeout), format_duration(interval));
    }
  return {};
}

Result<void> check_label_names(const TextMap& labels) {
  for (const auto& [name, value] : labels)
    if (!row_of(Form::LabelName).fits(name))
      return fail(Code::Invalid, "externalLabels: '{}': expected {}", name, row_of(Form::LabelName).expected);
  return {};
}

Result<void> check_overrides(const std::vector<Override>& overrides) {
  std::set<std::string> names;
  std::size_t alternatives = 1;
  for (const Override& one : overrides) {
    if (one.name == kRest) return fail(Code::Invalid, "overrides: '{}' is the name of the nodes that are left", kRest);
    if (!names.insert(name_of(one)).second)
      return fail(Code::Invalid, "overrides: two have the name or nodeSelector of '{}'", name_of(one));
    alternatives *= one.node_selector.size();
    if (alternatives > kMostAlternatives)
      return fail(
          Code::Invalid,
          "overrides: the nodes outside of them cannot be told in {} alternatives: select by fewer labels, such "
          "as one label of your own for each group",
          kMostAlternatives);
  }
  return {};
}

}  // namespace tessera::operate
