#pragma once
// What is watched, as data: one row for each alert. docs/alerts.md is its runbook, deploy/prometheus/gpu.rules.yaml
// says the same in PromQL, and a test holds the three against each other.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "fleet/inventory/health.h"

namespace tessera::fleet::alerts {

/// What an alert is about.
enum class Kind : std::uint8_t {
  Server,  ///< this server and what reaches it
  Cluster,
  Node,
  Device,
  Part,      ///< what can be given to somebody: a MIG instance, or a device that is not cut
  Session,   ///< a process on a part
  Holding,   ///< a container that holds a part, or uses one that it does not hold
  Engine,    ///< a serving engine
  Budget,    ///< a threshold of one, in one period
  Spending,  ///< what the fleet or a team costs
  Quota      ///< of a namespace, for one resource
};
inline constexpr std::size_t kKinds = 11;
std::string_view kind_name(Kind kind);  ///< "device"

/// One number about a subject; observe.cc says how each is found. "Boolean" ones are 0 or 1.
enum class Signal : std::uint8_t {
  TemperatureCelsius,
  SlowdownMarginCelsius,  ///< how far below the board's own slowdown temperature it is
  NeighbourTemperatureDeviation,
  OwnTemperatureDeviation,
  NeighbourPowerDeviation,
  OwnPowerDeviation,
  NeighbourThrottlingDeviation,  ///< of the share of time in which the clocks are held down
  OwnThrottlingDeviation,        ///< likewise
  UtilizationPercent,            ///< of a device that is not cut
  MigUtilizationRatio,           ///< weighted by compute slices, over the instances that exist
  MemoryUsedRatio,               ///< of what programs can have
  PowerLimitRatio,
  DeviceXids,  ///< in the last quarter of an hour, by whose fault they mostly are
  ApplicationXids,
  OtherXids,
  EccUncorrected,  ///< since the driver was loaded
  RowRemapFailed,
  ThermalThrottling,
  PowerBrake,
  DeviceMissing,
  DeviceNotAnswering,
  NodeSilent,      ///< all its devices are missing, and not all nodes are silent
  IdleWithMemory,  ///< a pod's process, of no serving engine, that holds memory and does nothing
  SessionAgeSeconds,
  HeldIdle,
  UsedWithoutHolding,
  BusyShareRatio,  ///< parts with a process that is not the platform's over all whose processes are told
  RequestsWaiting,
  KvCacheUsedRatio,
  RefusedRequests,  ///< with samples, in the last quarter of an hour
  LagSeconds,       ///< how old the newest sample of all is
  BudgetReached,    ///< what was spent or is expected, in units of the currency, where a threshold was crossed
  CostDeviation,    ///< of the last two closed hours, the less far off, from the same time of other weeks
  QuotaShortfall,   ///< by how much the pods that run have more than the quota
  QuotaUnused,      ///< the quota, where no pod has anything of it
};
inline constexpr std::size_t kSignals = 35;
std::string_view signal_name(Signal signal);  ///< "temperatureCelsius": as in the API

enum class Beyond : std::uint8_t { Above, Below };

using LabelSet = std::vector<std::pair<std::string, std::string>>;  ///< sorted by name

/// Holds where the label has the value, or hasn't; a label that is not there has the empty one.
struct Matcher {
  std::string label;
  std::string value;
  bool equal = true;
  bool operator==(const Matcher&) const = default;
};
bool matches(const std::vector<Matcher>& all_of, const LabelSet& labels);
std::string_view label_of(const LabelSet& labels, std::string_view name);  ///< empty where there is none

/// What is done while an alert fires, and undone when it is resolved.
enum class Deed : std::uint8_t {
  Exclude,  ///< nothing is promised on the alert's device
  Cordon,   ///< its node takes no new pods
  Taint,    ///< likewise, but for pods that tolerate it
  Webhook   ///< somebody else does it, and is told of begin and end
};
inline constexpr std::size_t kDeeds = 4;
std::string_view deed_name(Deed deed);  ///< "exclude"

struct Action {
  Deed deed{};
  bool dry_run = true;     ///< it is noted what would be done
  std::string url_file{};  ///< of a webhook: what has its URL
  bool operator==(const Action&) const = default;
};

/// The condition holds where the value is strictly beyond the threshold, and is cleared where it is at `clear` or on
/// the other side of it: in between one that fires goes on, and one that does not is not about to.
struct Rule {
  std::string name;
  Kind kind{};
  Signal signal{};
  Beyond beyond = Beyond::Above;
  double threshold = 0;
  double clear = 0;
  Milliseconds hold_for{};     ///< the condition is observed to hold for all this time before it fires
  Milliseconds keep_firing{};  ///< it is observed to be cleared for all this time before it is resolved
  Severity severity{};
  std::string_view summary{};    ///< {label}, {value} and {whose}, a process's or an engine's pod, are filled in
  bool in_promql = true;         ///< gpu.rules.yaml has it; a false one says why not in rule.cc
  std::vector<Matcher> scope{};  ///< of these subjects alone
  bool enabled = true;
  std::optional<Action> action{};
  std::string copy_of{};  ///< the built-in rule that it was made from under another name; empty: it is built in
  std::string runbook{};  ///< a link of its own; empty: the part of docs/alerts.md about what it is made from

  /// What it explains, and is explained by.
  std::string_view original() const { return copy_of.empty() ? name : copy_of; }
  bool holds(double value) const { return beyond == Beyond::Above ? value > threshold : value < threshold; }
  bool clears(double value) const { return beyond == Beyond::Above ? value <= clear : value >= clear; }
};

/// Built in, in the order of docs/alerts.md.
const std::vector<Rule>& builtin_rules();

/// "docs/alerts.md#gpuoverheating", where `docs` is "docs/"; or its own link as it is.
std::string runbook_of(const Rule& rule, std::string_view docs);

/// The summary of a rule about a subject. A label that is not there is "unknown".
std::string fill(std::string_view summary, const LabelSet& labels, double value);

/// An alert that makes others needless: while it fires, those of `targets` whose labels `equal` are the same are not
/// told of. They are evaluated as ever. By the names of built-in rules, which count for their copies too.
struct Inhibition {
  std::string_view source;
  std::vector<std::string_view> targets;  ///< empty: all others
  std::vector<std::string_view> equal;
  std::vector<std::string_view> except{};  ///< these are told of all the same
};
const std::vector<Inhibition>& inhibitions();

}  // namespace tessera::fleet::alerts
