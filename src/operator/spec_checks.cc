#include "operator/spec_checks.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

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
  static constexpr std::pair<const char*, const char*> kFields[] = {{"targets", "openAgent.targets"},
                                                                    {"builtinTargets", "openAgent.builtinTargets"},
                                                                    {"globalInterval", "openAgent.globalInterval"},
                                                                    {"globalPath", "openAgent.globalPath"},
                                                                    {"remoteWrite", "spec.remoteWrite"}};
  if (!settings.given()) return {};
  const auto given = nlohmann::json::parse(settings.json);
  if (!given.is_object()) return fail(Code::Invalid, "openAgent.settings: expected a map, as docs/relay.md has it");
  for (const auto& [key, field] : kFields)
    if (given.contains(key)) return fail(Code::Invalid, "openAgent.settings: {} stands in {}", key, field);
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
