#include "server/alerts/settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "fleet/alerts/actions.h"
#include "server/alerts/host_jobs.h"

namespace tessera::server {
namespace {
namespace alerts = fleet::alerts;

/// A name of a copy is one of a label's value, and of a taint's: that is where it goes.
bool is_name(std::string_view name) {
  constexpr std::size_t kLongest = 63;
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_one = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= kLongest && is_letter(name.front()) && name.back() != '_' &&
         std::ranges::all_of(name, is_one);
}

/// `{name: GPUOverheating, as: GPUTooHotForTheRack}`: another rule, that begins as the built-in one.
Result<alerts::Rule*> copied(const config::Node& as, const alerts::Rule& built_in, std::vector<alerts::Rule>& rules) {
  alerts::Rule copy = built_in;
  copy.copy_of = built_in.name;
  copy.name = TRY(as.text());
  if (!is_name(copy.name))
    return as.error(fmt::format("as: '{}': a letter, then letters, digits and '_' expected, 63 at most", copy.name));
  if (std::ranges::find(rules, copy.name, &alerts::Rule::name) != rules.end())
    return as.error(fmt::format("as: there is a rule '{}' already", copy.name));
  return &rules.emplace_back(std::move(copy));
}

Result<alerts::Rule*> rule_named(const config::Node& node, std::vector<alerts::Rule>& rules) {
  std::string name;
  TRY(node.read("name", name));
  const auto& built_in = alerts::builtin_rules();
  const auto known = std::ranges::find(built_in, name, &alerts::Rule::name);
  if (known != built_in.end()) {
    if (const auto as = node.find("as")) return copied(*as, *known, rules);
    return &*std::ranges::find(rules, name, &alerts::Rule::name);
  }
  std::vector<std::string_view> names;
  for (const alerts::Rule& one : built_in) names.push_back(one.name);
  const std::string_view near = nearest(name, names);
  return node.error(near.empty() ? fmt::format("there is no rule '{}'; docs/alerts.md has all", name)
                                 : fmt::format("there is no rule '{}'; did you mean '{}'?", name, near));
}

Result<void> read_severity(const config::Node& node, alerts::Rule& into) {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < fleet::kSeverities; ++i)
    names.push_back(fleet::severity_name(static_cast<fleet::Severity>(i)));
  const std::string word = TRY(node.word(names));
  into.severity = static_cast<fleet::Severity>(std::ranges::find(names, word) - names.begin());
  return {};
}

/// A threshold without `clear` has the built-in distance to it.
Result<void> read_thresholds(const config::Node& node, alerts::Rule& into) {
  const double distance = into.clear - into.threshold;
  if (const auto threshold = node.find("threshold")) {
    into.threshold = TRY(threshold->number());
    into.clear = into.threshold + distance;
  }
  if (const auto clear = node.find("clear")) into.clear = TRY(clear->number());
  if (!into.holds(into.clear)) return {};
  return node.error(fmt::format("{}: clear: {} is beyond the threshold {}: it would be resolved as soon as it fires",
                                into.name, into.clear, into.threshold));
}

/// `{do: cordon, dry-run: false}`: without `dry-run` it is one.
Result<void> read_action(const config::Node& node, alerts::Rule& into) {
  if (node.is_null()) {
    into.action.reset();
    return {};
  }
  TRY(node.only({"do", "dry-run", "url-file"}));
  const auto what = node.find("do");
  if (!what) return node.error("do: exclude, cordon, taint or webhook expected");
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < alerts::kDeeds; ++i) names.push_back(alerts::deed_name(static_cast<alerts::Deed>(i)));
  alerts::Action action{.deed = *alerts::deed_named(TRY(what->word(names)))};
  TRY(node.read("dry-run", action.dry_run));
  TRY(node.read("url-file", action.url_file));
  const bool is_webhook = action.deed == alerts::Deed::Webhook;
  if (is_webhook == action.url_file.empty())
    return node.error(is_webhook ? "url-file: a file with the webhook's URL expected"
                                 : "url-file: it is for `do: webhook` alone");
  if (!alerts::has_target(action.deed, into.kind))
    return node.error(fmt::format("do: {} needs a {}, and {} is about a {}", alerts::deed_name(action.deed),
                                  action.deed == alerts::Deed::Exclude ? "device" : "node", into.name,
                                  alerts::kind_name(into.kind)));
  into.action = std::move(action);
  return {};
}

}  // namespace

Result<void> read_alert_rules(const config::Node& node, AlertSettings& into) {
  into.rules = alerts::builtin_rules();
  for (const config::Node& one : TRY(node.list())) {
    TRY(one.only({"name", "threshold", "clear", "for", "keep-firing", "severity", "enabled", "scope", "action", "as",
                  "runbook"}));
    alerts::Rule& rule = *TRY(rule_named(one, into.rules));
    TRY(read_thresholds(one, rule));
    TRY(one.read("for", rule.hold_for));
    TRY(one.read("keep-firing", rule.keep_firing));
    TRY(one.read("enabled", rule.enabled));
    TRY(one.read("runbook", rule.runbook));
    if (const auto severity = one.find("severity")) TRY(read_severity(*severity, rule));
    if (const auto action = one.find("action")) TRY(read_action(*action, rule));
    std::map<std::string, std::string> scope;
    TRY(one.read("scope", scope));
    for (const auto& [label, value] : scope) rule.scope.push_back({label, value, true});
  }
  return {};
}

Result<void> check(const AlertSettings& settings) {
  for (const auto* urls : {&settings.alertmanagers, &settings.webhooks})
    for (const std::string& url : *urls)
      if (!url.starts_with("http://") && !url.starts_with("https://"))
        return fail(Code::Invalid, "gpu.management.alerts: '{}': a URL with http:// or https:// expected", url);
  if (settings.alertmanager_username.empty() != settings.alertmanager_password_file.empty())
    return fail(Code::Invalid,
                "gpu.management.alerts.alertmanager-username: it and alertmanager-password-file belong together");
  if (!settings.alertmanager_username.empty() && !settings.alertmanager_bearer_token_file.empty())
    return fail(Code::Invalid,
                "gpu.management.alerts.alertmanager-bearer-token-file: a user with a password is given already");
  if (settings.resend_every < Milliseconds(1000))
    return fail(Code::Invalid, "gpu.management.alerts.resend-every: at least 1s expected");
  if (const auto jobs = HostJobs::of(settings.host_commands); !jobs)
    return fail(Code::Invalid, "gpu.management.alerts.host-processes.commands: {}", jobs.error().what);
  return {};
}

}  // namespace tessera::server
