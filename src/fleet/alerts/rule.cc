#include "fleet/alerts/rule.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"

namespace tessera::fleet::alerts {
namespace {

using namespace std::chrono_literals;

std::vector<Rule> built_in() {
  using enum Kind;
  using enum Signal;
  using enum Beyond;
  using enum Severity;
  // name, kind, signal, beyond, threshold, clear, for, keep firing, severity, summary
  return {
      // Heat.
      {"GPUOverheating", Device, TemperatureCelsius, Above, 85, 80, 5min, 0min, Critical,
       "GPU {gpu} of {node} is at {value} °C."},
      {"GPUNearSlowdown", Device, SlowdownMarginCelsius, Below, 5, 8, 5min, 0min, Warning,
       "GPU {gpu} of {node} is {value} °C below the temperature at which it slows itself down."},
      {"GPUTemperatureNotice", Device, TemperatureCelsius, Above, 80, 77, 5min, 0min, Info,
       "GPU {gpu} of {node} is at {value} °C."},
      {"GPUThermalThrottling", Device, ThermalThrottling, Above, 0, 0, 5min, 5min, Warning,
       "Heat holds the clocks of GPU {gpu} of {node} down."},
      {"GPUPowerBrake", Device, PowerBrake, Above, 0, 0, 5min, 5min, Warning,
       "The power supply of {node} holds the clocks of GPU {gpu} down."},
      {"GPUHotterThanNeighbours", Device, NeighbourTemperatureDeviation, Above, 6, 4, 15min, 0min, Warning,
       "GPU {gpu} of {node} is {value} robust deviations hotter than others of its model."},
      // Needs the device's last week, hour by hour.
      {"GPUHotterThanUsual", Device, OwnTemperatureDeviation, Above, 6, 4, 15min, 0min, Info,
       "GPU {gpu} of {node} is {value} robust deviations hotter than it was in its last week.", false},
      {"GPUPowerBelowNeighbours", Device, NeighbourPowerDeviation, Below, -6, -4, 15min, 0min, Warning,
       "GPU {gpu} of {node} has low clocks and draws less power than busy ones of its model, by {value} robust "
       "deviations."},
      // As GPUHotterThanUsual, both.
      {"GPUPowerBelowUsual", Device, OwnPowerDeviation, Below, -6, -4, 15min, 0min, Info,
       "GPU {gpu} of {node} has low clocks and draws less power than it did in its last week, by {value} robust "
       "deviations.",
       false},
      {"GPUThrottledMoreThanNeighbours", Device, NeighbourThrottlingDeviation, Above, 6, 4, 15min, 0min, Warning,
       "The clocks of GPU {gpu} of {node} are held down more of the time than those of others of its model, by {value} "
       "robust deviations."},
      // As GPUHotterThanUsual.
      {"GPUThrottledMoreThanUsual", Device, OwnThrottlingDeviation, Above, 6, 4, 15min, 0min, Warning,
       "The clocks of GPU {gpu} of {node} are held down more of the time than in its last week, by {value} robust "
       "deviations.",
       false},
      // Load.
      {"HighGPUUsage", Cluster, BusyShareRatio, Above, 0.8, 0.75, 5min, 0min, Warning,
       "{value} of the GPUs of {cluster} have a process (1 is all)."},
      {"HighGPUBusyShare", Cluster, BusyShareRatio, Above, 0.9, 0.85, 10min, 0min, Warning,
       "{value} of the GPUs of {cluster} have a process (1 is all)."},
      {"HighGPUUtilization", Device, UtilizationPercent, Above, 95, 90, 10min, 0min, Warning,
       "GPU {gpu} of {node} is busy for {value} % of the time."},
      {"GPUUtilizationNotice", Device, UtilizationPercent, Above, 80, 75, 10min, 0min, Info,
       "GPU {gpu} of {node} is busy for {value} % of the time."},
      {"MIGHighUtilization", Device, MigUtilizationRatio, Above, 0.9, 0.85, 5min, 0min, Warning,
       "The MIG instances of GPU {gpu} of {node} are busy for {value} of the time, by their compute slices (1 is "
       "all)."},
      {"GPUMemoryHigh", Part, MemoryUsedRatio, Above, 0.9, 0.88, 5min, 0min, Info,
       "{value} of the memory of GPU {gpu} of {node} is in use (1 is all)."},
      {"GPUPowerNearLimit", Device, PowerLimitRatio, Above, 0.9, 0.88, 10min, 0min, Info,
       "GPU {gpu} of {node} draws {value} of its power limit (1 is all)."},
      // Faults.
      {"GPUXidDevice", Device, DeviceXids, Above, 0, 0, 0min, 0min, Critical,
       "GPU {gpu} of {node} had {value} XIDs after which it is not to be used."},
      {"GPUXidOther", Device, OtherXids, Above, 0, 0, 0min, 0min, Warning,
       "GPU {gpu} of {node} had {value} XIDs whose cause may be the board or a program."},
      {"GPUXidApplication", Device, ApplicationXids, Above, 0, 0, 0min, 0min, Info,
       "Programs on GPU {gpu} of {node} caused {value} XIDs."},
      {"GPUEccUncorrectable", Device, EccUncorrected, Above, 0, 0, 0min, 0min, Warning,
       "GPU {gpu} of {node} had {value} uncorrected (double-bit) memory errors since its driver was loaded."},
      {"GPURowRemapFailed", Device, RowRemapFailed, Above, 0, 0, 0min, 0min, Critical,
       "GPU {gpu} of {node} could not remap a memory row."},
      // Silence. A device is missing once five minutes have passed without a word: that is its duration. Nodes that
      // fell
      // silent together are heard of again one by one: a while shows which are not.
      {"GPUDeviceMissing", Device, DeviceMissing, Above, 0, 0, 0min, 0min, Critical,
       "Nothing has been heard of GPU {gpu} of {node}, while its node is heard of."},
      // tessera.rules.yaml has it, as TesseraDeviceLost.
      {"GPUNotAnswering", Device, DeviceNotAnswering, Above, 0, 0, 5min, 0min, Critical,
       "GPU {gpu} of {node} does not answer its driver.", false},
      {"GPUNodeSilent", Node, NodeSilent, Above, 0, 0, 2min, 0min, Critical,
       "Nothing has been heard of any GPU of {node} for a long time."},
      // Processes.
      {"StuckGPUProcess", Session, IdleWithMemory, Above, 0, 0, 2h, 0min, Warning,
       "Process {pid} of {whose} holds memory of GPU {gpu} of {node} and has done nothing for two hours."},
      {"LongRunningGPUProcess", Session, SessionAgeSeconds, Above, 3600, 3600, 2h, 0min, Info,
       "Process {pid} of {whose} runs on GPU {gpu} of {node} for {value} s."},
      {"GPUAllocatedIdle", Holding, HeldIdle, Above, 0, 0, 1h, 0min, Warning,
       "{namespace}/{pod} holds GPU {gpu} of {node} and does not use it."},
      {"GPUUsedNotAllocated", Holding, UsedWithoutHolding, Above, 0, 0, 10min, 0min, Warning,
       "{namespace}/{pod} uses GPU {gpu} of {node}, which it does not hold."},
      // Serving.
      {"ServingRequestsWaiting", Engine, RequestsWaiting, Above, 5, 1, 10min, 0min, Warning,
       "{value} requests wait for {model} in {whose}."},
      {"ServingKVCacheFull", Engine, KvCacheUsedRatio, Above, 0.95, 0.9, 5min, 0min, Warning,
       "{value} of the KV cache of {model} in {whose} is in use (1 is all)."},
      // The way here.
      {"TesseraSamplesRefused", Server, RefusedRequests, Above, 0, 0, 5min, 0min, Warning,
       "{value} requests with samples were refused in the last quarter of an hour."},
      // tessera.rules.yaml has the two ends of it, as TesseraServerNotIngesting and TesseraRelayLags.
      {"TesseraSamplesLate", Server, LagSeconds, Above, 300, 120, 5min, 0min, Critical,
       "The newest sample of all is {value} s old.", false},
      // Money. Not in gpu.rules.yaml: that a threshold was told of once is known to the server alone.
      {"BudgetThresholdCrossed", Budget, BudgetReached, Above, 0, 0, 0min, 0min, Warning,
       "Budget {budget} ({scope}) has reached {threshold} % of its amount ({kind}): {value}.", false},
      // Of two hours of the ledger; that is no matter of how long they are looked at.
      {"GPUCostAboveUsual", Spending, CostDeviation, Above, 6, 4, 10min, 0min, Warning,
       "What {scope} costs an hour is {value} robust deviations above the same time of other weeks."},
      {"GPUCostBelowUsual", Spending, CostDeviation, Below, -6, -4, 10min, 0min, Info,
       "What {scope} costs an hour is {value} robust deviations off the same time of other weeks."},
      // Quotas.
      {"GPUQuotaTooSmall", Quota, QuotaShortfall, Above, 0, 0, 15min, 0min, Warning,
       "Pods of {namespace} run with {value} more {resource} than its quota {quota} allows."},
      {"GPUQuotaUnused", Quota, QuotaUnused, Above, 0, 0, 168h, 0min, Info,
       "Nothing of {namespace}'s quota {quota} of {value} {resource} has been used for a week."},
  };
}

std::string number(double value) { return fmt::format("{:.6g}", value); }

std::string or_unknown(std::string_view text) { return std::string(text.empty() ? "unknown" : text); }

std::string whose(const LabelSet& labels) {
  const std::string_view pod = label_of(labels, "pod"), command = label_of(labels, "command");
  if (pod.empty() && !command.empty()) return fmt::format("no pod ({})", command);
  // An engine outside of pods has the address of its metrics.
  if (const std::string_view instance = label_of(labels, "instance"); pod.empty() && !instance.empty())
    return std::string(instance);
  return fmt::format("{}/{}", or_unknown(label_of(labels, "namespace")), or_unknown(pod));
}

}  // namespace

std::string_view deed_name(Deed deed) {
  constexpr std::array<std::string_view, kDeeds> kNames = {"exclude", "cordon", "taint", "webhook"};
  return kNames[static_cast<std::size_t>(deed)];
}

std::string_view kind_name(Kind kind) {
  constexpr std::array<std::string_view, kKinds> kNames = {
      "server", "cluster", "node", "device", "part", "session", "holding", "engine", "budget", "spending", "quota"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view signal_name(Signal signal) {
  constexpr std::array<std::string_view, kSignals> kNames = {
      "temperatureCelsius",
      "slowdownMarginCelsius",
      "neighbourTemperatureDeviation",
      "ownTemperatureDeviation",
      "neighbourPowerDeviation",
      "ownPowerDeviation",
      "neighbourThrottlingDeviation",
      "ownThrottlingDeviation",
      "utilizationPercent",
      "migUtilizationRatio",
      "memoryUsedRatio",
      "powerLimitRatio",
      "deviceXids",
      "applicationXids",
      "otherXids",
      "eccUncorrected",
      "rowRemapFailed",
      "thermalThrottling",
      "powerBrake",
      "deviceMissing",
      "deviceNotAnswering",
      "nodeSilent",
      "idleWithMemory",
      "sessionAgeSeconds",
      "heldIdle",
      "usedWithoutHolding",
      "busyShareRatio",
      "requestsWaiting",
      "kvCacheUsedRatio",
      "refusedRequests",
      "lagSeconds",
      "budgetReached",
      "costDeviation",
      "quotaShortfall",
      "quotaUnused",
  };
  return kNames[static_cast<std::size_t>(signal)];
}

std::string_view label_of(const LabelSet& labels, std::string_view name) {
  for (const auto& [label, value] : labels)
    if (label == name) return value;
  return {};
}

bool matches(const std::vector<Matcher>& all_of, const LabelSet& labels) {
  return std::ranges::all_of(
      all_of, [&](const Matcher& one) { return (label_of(labels, one.label) == one.value) == one.equal; });
}

const std::vector<Rule>& builtin_rules() {
  static const std::vector<Rule> kRules = built_in();
  return kRules;
}

std::string runbook_of(const Rule& rule, std::string_view docs) {
  return rule.runbook.empty() ? fmt::format("{}alerts.md#{}", docs, lower(rule.original())) : rule.runbook;
}

std::string fill(std::string_view summary, const LabelSet& labels, double value) {
  std::string out;
  for (;;) {
    const std::size_t open = summary.find('{'), close = summary.find('}', open);
    if (open == summary.npos || close == summary.npos) return out.append(summary);
    out += summary.substr(0, open);
    const std::string_view name = summary.substr(open + 1, close - open - 1);
    if (name == "value")
      out += number(value);
    else
      out += name == "whose" ? whose(labels) : or_unknown(label_of(labels, name));
    summary.remove_prefix(close + 1);
  }
}

const std::vector<Inhibition>& inhibitions() {
  static const std::vector<Inhibition> kInhibitions = {
      {"GPUNodeSilent", {}, {"cluster", "node"}},
      {"GPUDeviceMissing", {}, {"cluster", "uuid"}},
      // One that is missing answers nobody, and says more: that it does not answer is explained by it, not it by that.
      {"GPUNotAnswering", {}, {"cluster", "uuid"}, {"GPUDeviceMissing"}},
      {"GPUOverheating", {"GPUTemperatureNotice", "GPUNearSlowdown"}, {"cluster", "uuid"}},
      {"HighGPUUtilization", {"GPUUtilizationNotice"}, {"cluster", "uuid"}},
      {"HighGPUBusyShare", {"HighGPUUsage"}, {"cluster"}},
      {"StuckGPUProcess", {"LongRunningGPUProcess"}, {"cluster", "uuid", "pid", "started"}},
  };
  return kInhibitions;
}

}  // namespace tessera::fleet::alerts
