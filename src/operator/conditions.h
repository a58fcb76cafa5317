#pragma once
// Inside the room: what is said in the resource's status, and when it is written. Pure: the time is passed in.
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "operator/health.h"
#include "operator/plan.h"
#include "operator/seen.h"

namespace tessera::operate {

struct Condition {
  std::string type, status;  ///< "Ready", "True"
  std::string reason, message;
  bool operator==(const Condition&) const = default;
};

/// A target of the resource and the pods that it selects now; nullopt: not known yet.
struct TargetMatch {
  std::string name, wanted;  ///< `wanted`: "app=x in namespaces a, b"
  std::optional<std::size_t> pods;
};

/// What has become of the plan.
struct Outcome {
  const Plan& plan;
  const Seen::Snapshot& seen;
  std::map<ObjectKey, std::string> troubles;  ///< of objects that could not be applied or deleted
  std::size_t waiting = 0;                    ///< objects that are still to be written
  std::vector<TargetMatch> targets;
  std::optional<Condition> certificate{};  ///< of the admission webhook
};

/// Ready, Progressing and Degraded, and one for each feature that is on.
std::vector<Condition> conditions_of(const Outcome& outcome);

/// The same three where nothing can be done: "InvalidSpec", …
std::vector<Condition> stopped(const std::string& reason, const std::string& message);

/// The status with these conditions: a transition has its time only where the status of a condition has changed.
nlohmann::ordered_json status_of(const std::vector<Condition>& conditions, std::int64_t generation,
                                 const nlohmann::ordered_json& before, EpochMs now);

/// When a new status is written: at once, but at most each second, where a status or a reason is another; numbers
/// within messages change with every pod, and wait for some seconds. Nullopt: it is as it was.
std::optional<SteadyTime> status_due(const nlohmann::ordered_json& status, const nlohmann::ordered_json& before,
                                     std::optional<SteadyTime> written);

}  // namespace tessera::operate
