#include "operator/conditions.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tessera::operate {
namespace {
using namespace std::chrono_literals;

using Json = nlohmann::ordered_json;

constexpr Milliseconds kBetween = 1s, kBetweenNumbers = 10s;
constexpr std::size_t kLongestMessage = 1'000;

/// The features, by the component that runs them.
struct Feature {
  std::string_view component, condition;
};
constexpr Feature kFeatures[] = {{"node-agent", "NodeAgentReady"},
                                 {"node-exporter", "NodeMetricsReady"},
                                 {"promql", "PromqlReady"},
                                 {"server", "ServerReady"},
                                 {"relay", "OpenAgentReady"}};

constexpr const char* kLooking = "Looking";
constexpr const char* kComponent = "app.kubernetes.io/component";

bool is_workload(const std::string& kind) {
  return kind == "DaemonSet" || kind == "Deployment" || kind == "StatefulSet";
}

std::string component_of(const Json& object) { return object["metadata"]["labels"].value(kComponent, ""); }

std::string place(const ObjectKey& key) { return key.home.empty() ? key.name : key.home + '/' + key.name; }
std::string name_of(const ObjectKey& key) { return fmt::format("{} {}", key.kind, place(key)); }

Condition condition(std::string_view type, bool holds, std::string_view reason, std::string message) {
  if (message.size() > kLongestMessage) message = valid_utf8(message.substr(0, kLongestMessage - 3)) + "...";
  return {std::string(type), holds ? "True" : "False", std::string(reason), std::move(message)};
}

const Json* find(const Seen::Snapshot& seen, const ObjectKey& key) {
  const auto kind = seen.find(key.kind);
  if (kind == seen.end()) return nullptr;
  const auto object = kind->second.find(place(key));
  return object == kind->second.end() ? nullptr : object->second.get();
}

std::vector<Json> all_of(const Seen::Snapshot& seen, const char* kind) {
  std::vector<Json> out;
  if (const auto known = seen.find(kind); known != seen.end())
    for (const auto& [key, object] : known->second) out.push_back(*object);
  return out;
}

/// What an event of this kind says of an object; empty: none does.
std::string told_by_event(const Seen::Snapshot& seen, const char* kind, const std::string& uid) {
  for (const Json& one : all_of(seen, kind))
    if (!uid.empty() && one["uid"] == uid) return one["message"];
  return {};
}

/// Why the pods of a workload are not made, where an event tells.
std::string refusal_of(const Seen::Snapshot& seen, const Json& workload) {
  return told_by_event(seen, "Event", workload["metadata"].value("uid", ""));
}

std::vector<Json> troubles_of(const Seen::Snapshot& seen, std::string_view component) {
  auto out = all_of(seen, "Pod");
  std::erase_if(out, [&](Json& one) {
    if (one["component"] != component) return true;
    if (one["reason"] != kBeingMade) return false;
    const std::string why = told_by_event(seen, kMountEvents, one.value("uid", ""));
    one["reason"] = "ContainerNotMade";
    one["message"] = fmt::format("a volume is not mounted: {}", why);
    return why.empty();
  });
  return out;
}

struct Sum {
  Health health{0, 0, true, {}};
  bool any = false, of_nodes = false;
};

/// The workloads of a component, which are several where nodes are in groups.
Sum sum_of(const Outcome& outcome, std::string_view component) {
  Sum out;
  for (const Json& object : outcome.plan.objects) {
    const ObjectKey key = key_of(object);
    if (!is_workload(key.kind) || component_of(object) != component) continue;
    const Json* const live = find(outcome.seen, key);
    const Health one =
        live ? health_of(*live, refusal_of(outcome.seen, *live), troubles_of(outcome.seen, component)) : Health{};
    out.any = true;
    out.of_nodes = key.kind == "DaemonSet";
    out.health.wanted += one.wanted;
    out.health.ready += one.ready;
    out.health.settled = out.health.settled && one.settled;
    if (!out.health.problem) out.health.problem = one.problem;
  }
  return out;
}

std::optional<Problem> not_applied(const Outcome& outcome, std::string_view component) {
  for (const Json& object : outcome.plan.objects)
    if (component_of(object) == component)
      if (const auto trouble = outcome.troubles.find(key_of(object)); trouble != outcome.troubles.end())
        return Problem{"NotApplied", fmt::format("{}: {}", name_of(trouble->first), trouble->second)};
  return std::nullopt;
}

Condition condition_of(const Outcome& outcome, const Feature& feature, const Sum& sum) {
  const Health& health = sum.health;
  if (const auto wrong = not_applied(outcome, feature.component))
    return condition(feature.condition, false, wrong->reason, wrong->message);
  if (health.problem)
    return condition(feature.condition, false, health.problem->reason,
                     fmt::format("{} of {} pods are ready; {}", health.ready, health.wanted, health.problem->message));
  if (health.settled && health.wanted == 0 && sum.of_nodes)
    return condition(feature.condition, false, "NoMatchingNodes",
                     "no node matches: label the nodes with GPUs nvidia.com/gpu.present=true, or set nodeSelector and "
                     "tolerations");
  const std::string count = fmt::format("{} of {} pods are ready", health.ready, health.wanted);
  return condition(feature.condition, health.settled, health.settled ? "PodsReady" : "RollingOut", count);
}

Condition targets_condition(const std::vector<TargetMatch>& targets) {
  std::vector<std::string> without;
  bool known = true;
  for (const TargetMatch& one : targets) {
    known = known && one.pods;
    if (one.pods && *one.pods == 0)
      without.push_back(fmt::format("target '{}' matches no pod: {}", one.name, one.wanted));
  }
  if (!without.empty())
    return condition("TargetsFound", false, "NoPodMatches", fmt::format("{}", fmt::join(without, "; ")));
  if (!known) return {"TargetsFound", "Unknown", kLooking, "the pods that targets select are being read"};
  return condition("TargetsFound", true, "EachMatches", fmt::format("{} targets match pods", targets.size()));
}

/// Whatever is not as it should be, in words.
std::vector<std::string> complaints(const Outcome& outcome, const std::vector<Condition>& features) {
  std::vector<std::string> out;
  for (const Condition& one : features)
    if (one.status == "False" && one.reason != "RollingOut" && one.reason != "NoMatchingNodes")
      out.push_back(fmt::format("{}: {}: {}", one.type, one.reason, one.message));
  for (const auto& [key, why] : outcome.troubles) {
    const std::string text = fmt::format("{}: {}", name_of(key), why);
    if (std::ranges::none_of(out, [&](const std::string& told) { return told.ends_with(text); })) out.push_back(text);
  }
  for (const std::string& note : outcome.plan.notes) out.push_back(note);
  return out;
}

Condition ready_condition(const Outcome& outcome, const std::vector<Condition>& features) {
  for (const Condition& one : features)
    if (one.status != "True")
      return condition("Ready", false, one.reason, fmt::format("{}: {}", one.type, one.message));
  if (!outcome.troubles.empty())
    return condition("Ready", false, "NotApplied",
                     fmt::format("{}: {}", name_of(outcome.troubles.begin()->first), outcome.troubles.begin()->second));
  if (outcome.waiting > 0)
    return condition("Ready", false, "Applying", fmt::format("{} objects are still to be written", outcome.waiting));
  if (features.empty()) return condition("Ready", true, "NothingEnabled", "no feature is enabled");
  return condition("Ready", true, "AllReady", "all features are ready");
}

std::vector<Condition> with_summary(Condition ready, Condition progressing, Condition degraded,
                                    std::vector<Condition> features) {
  std::vector<Condition> out{std::move(ready), std::move(progressing), std::move(degraded)};
  out.insert(out.end(), features.begin(), features.end());
  return out;
}

const Json& list_at(const Json& object, const char* name) {
  static const Json kNone = Json::array();
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found != object.end() && found->is_array() ? *found : kNone;
}

}  // namespace

std::vector<Condition> conditions_of(const Outcome& outcome) {
  std::vector<Condition> features;
  bool rolling = outcome.waiting > 0;
  for (const Feature& feature : kFeatures) {
    const Sum sum = sum_of(outcome, feature.component);
    if (!sum.any) continue;
    rolling = rolling || !sum.health.settled;
    features.push_back(condition_of(outcome, feature, sum));
  }
  if (outcome.certificate) features.push_back(*outcome.certificate);
  const Condition ready = ready_condition(outcome, features);
  // A target without pods is somebody's to see, and no fault of what runs.
  const auto wrong = complaints(outcome, features);
  if (!outcome.targets.empty()) features.push_back(targets_condition(outcome.targets));
  return with_summary(
      ready,
      condition("Progressing", rolling, rolling ? "RollingOut" : "Settled",
                rolling ? "what is wanted does not run everywhere yet" : "what is wanted is what runs"),
      condition("Degraded", !wrong.empty(), wrong.empty() ? "NothingWrong" : "SomethingWrong",
                wrong.empty() ? "nothing is known to be wrong" : fmt::format("{}", fmt::join(wrong, "; "))),
      std::move(features));
}

std::vector<Condition> stopped(const std::string& reason, const std::string& message) {
  return with_summary(condition("Ready", false, reason, message),
                      condition("Progressing", false, reason, "what was made before stays as it is"),
                      condition("Degraded", true, reason, message), {});
}

Json status_of(const std::vector<Condition>& conditions, std::int64_t generation, const Json& before, EpochMs now) {
  constexpr std::size_t kSeconds = 19;  // of an RFC 3339 time
  const std::string time = format_time(now).substr(0, kSeconds) + "Z";
  Json list = Json::array();
  for (Condition one : conditions) {
    std::string since = time;
    for (const Json& old : list_at(before, "conditions")) {
      if (!old.is_object() || old.value("type", "") != one.type) continue;
      // What is being looked at is what it was until it is known: an operator that starts anew changes nothing.
      if (one.reason == kLooking)
        one = {one.type, old.value("status", ""), old.value("reason", ""), old.value("message", "")};
      if (old.value("status", "") == one.status) since = old.value("lastTransitionTime", time);
    }
    list.push_back({{"type", one.type},
                    {"status", one.status},
                    {"observedGeneration", generation},
                    {"lastTransitionTime", since},
                    {"reason", one.reason},
                    {"message", one.message}});
  }
  return {{"observedGeneration", generation}, {"conditions", std::move(list)}};
}

std::optional<SteadyTime> status_due(const Json& status, const Json& before, std::optional<SteadyTime> written) {
  const auto plain = [](const Json& value) { return nlohmann::json(value); };  // the order of keys does not count
  if (before.is_object() && plain(status) == plain(before)) return std::nullopt;
  const auto essence = [](const Json& of) {
    std::vector<std::string> out{of.is_object() ? of.value("observedGeneration", Json(0)).dump() : ""};
    for (const Json& one : list_at(of, "conditions"))
      if (one.is_object()) out.push_back(one.value("type", "") + one.value("status", "") + one.value("reason", ""));
    return out;
  };
  if (!written) return SteadyTime{};
  return *written + (essence(status) == essence(before) ? kBetweenNumbers : kBetween);
}

}  // namespace tessera::operate
