#include "fleet/alerts/actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

namespace tessera::fleet::alerts {
namespace {

constexpr std::array<std::string_view, kStages> kStageNames = {"beginning", "standing", "ending", "ended"};

/// Empty: it is not in the alert.
std::string_view label_with_target(Deed deed) { return deed == Deed::Exclude ? "uuid" : "node"; }

auto identity(const ActionRecord& one) {
  return std::tie(one.rule, one.subject, one.cluster, one.deed, one.target, one.dry_run, one.fired);
}

bool is_in_earnest(const ActionRecord& one) { return !one.dry_run; }

}  // namespace

std::string_view stage_name(Stage stage) { return kStageNames[static_cast<std::size_t>(stage)]; }

std::optional<Stage> stage_named(std::string_view name) {
  const auto found = std::ranges::find(kStageNames, name);
  if (found == kStageNames.end()) return std::nullopt;
  return static_cast<Stage>(found - kStageNames.begin());
}

std::optional<Deed> deed_named(std::string_view name) {
  for (std::size_t i = 0; i < kDeeds; ++i)
    if (deed_name(static_cast<Deed>(i)) == name) return static_cast<Deed>(i);
  return std::nullopt;
}

bool has_target(Deed deed, Kind kind) {
  if (deed == Deed::Webhook) return true;
  const bool of_a_device = kind == Kind::Device || kind == Kind::Part || kind == Kind::Session || kind == Kind::Holding;
  if (deed == Deed::Exclude) return of_a_device;
  return of_a_device || kind == Kind::Node || kind == Kind::Engine;
}

std::vector<WantedAction> wanted_actions(std::span<const Standing> standing, std::span<const Rule> rules) {
  std::vector<WantedAction> out;
  for (const Standing& one : standing) {
    const auto rule = std::ranges::find(rules, one.track.rule, &Rule::name);
    if (one.track.phase != Phase::Firing || rule == rules.end() || !rule->action) continue;
    const Action& action = *rule->action;
    std::string target = action.deed == Deed::Webhook
                             ? action.url_file
                             : std::string(label_of(one.labels, label_with_target(action.deed)));
    if (target.empty()) continue;
    out.push_back({{.rule = one.track.rule,
                    .subject = one.track.subject->key,
                    .cluster = std::string(label_of(one.labels, "cluster")),
                    .deed = action.deed,
                    .target = std::move(target),
                    .dry_run = action.dry_run,
                    .fired = one.track.fired,
                    .labels = one.labels,
                    .summary = fill(rule->summary, one.labels, one.track.value),
                    .value = one.track.value},
                   one.is_told()});
  }
  return out;
}

ActionSteps steps_between(std::span<const WantedAction> wanted, std::span<const ActionRecord> kept) {
  using Identity = decltype(identity(kept.front()));
  std::set<Identity> stands, goes_on;
  for (const ActionRecord& one : kept)
    if (one.stands()) stands.insert(identity(one));
  ActionSteps out;
  for (const WantedAction& one : wanted)
    if (goes_on.insert(identity(one.action)).second && one.may_begin && !stands.contains(identity(one.action)))
      out.begin.push_back(one.action);
  for (const ActionRecord& one : kept)
    if (one.stands() && !goes_on.contains(identity(one))) out.end.push_back(one.id);
  return out;
}

NodeMarks marks_of(const std::string& cluster, const std::string& node, std::span<const ActionRecord> kept) {
  NodeMarks out;
  std::int64_t first = 0;
  for (const ActionRecord& one : kept) {
    if (!is_in_earnest(one) || one.cluster != cluster || one.target != node) continue;
    if (one.deed == Deed::Cordon && one.stands()) out.cordon = true;
    if (one.deed != Deed::Taint || one.stage == Stage::Ended) continue;
    out.ours.insert(one.rule);
    if (!one.stands() || (first != 0 && one.id > first)) continue;
    first = one.id;
    out.taint = one.rule;
  }
  return out;
}

ExcludedDevices excluded_devices(std::span<const ActionRecord> kept) {
  ExcludedDevices out;
  for (const ActionRecord& one : kept)
    if (is_in_earnest(one) && one.deed == Deed::Exclude && one.stands())
      out.try_emplace({one.cluster, one.target},
                      fmt::format("alert {} fires for it, and excludes it from allocation", one.rule));
  return out;
}

bool waits_for_another(const ActionRecord& one, std::span<const ActionRecord> kept) {
  return one.deed == Deed::Webhook && std::ranges::any_of(kept, [&](const ActionRecord& other) {
           return other.id < one.id && other.deed == Deed::Webhook && !other.dry_run && other.stage != Stage::Ended &&
                  other.rule == one.rule && other.subject == one.subject && other.cluster == one.cluster &&
                  other.target == one.target;
         });
}

}  // namespace tessera::fleet::alerts
