#include "operator/health.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tessera::operate {
namespace {

using Json = nlohmann::ordered_json;

const Json& part(const Json& object, const char* name) {
  static const Json kNone = Json::object();
  if (!object.is_object()) return kNone;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? kNone : *found;
}

/// Absent is 0: the server leaves zeros out.
std::int64_t number(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string text(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

struct Numbers {
  std::int64_t wanted = 0, updated = 0, ready = 0, made = 0;
};

Numbers numbers_of(const Json& workload) {
  const Json& status = part(workload, "status");
  if (workload["kind"] == "DaemonSet")
    return {number(status, "desiredNumberScheduled"), number(status, "updatedNumberScheduled"),
            number(status, "numberAvailable"), number(status, "currentNumberScheduled")};
  const Json& spec = part(workload, "spec");
  const std::int64_t wanted = spec.contains("replicas") ? number(spec, "replicas") : 1;
  const char* const ready = workload["kind"] == "Deployment" ? "availableReplicas" : "readyReplicas";
  return {wanted, number(status, "updatedReplicas"), number(status, ready), number(status, "replicas")};
}

/// What the Deployment's own controller says.
std::optional<Problem> told_by_controller(const Json& workload) {
  for (const Json& one : part(part(workload, "status"), "conditions")) {
    const std::string type = text(one, "type"), status = text(one, "status"), message = text(one, "message");
    if (type == "ReplicaFailure" && status == "True") return Problem{"PodsRefused", message};
    if (type == "Progressing" && status == "False") return Problem{"RolloutStuck", message};
  }
  return std::nullopt;
}

/// The trouble that most of the pods have.
std::optional<Problem> most_common(const std::vector<Json>& troubles) {
  const Json* chosen = nullptr;
  std::ptrdiff_t most = 0;
  for (const Json& one : troubles) {
    const auto same = std::ranges::count_if(troubles, [&](const Json& other) {
      return other["reason"] == one["reason"] && other["message"] == one["message"];
    });
    if (same <= most) continue;
    most = same;
    chosen = &one;
  }
  if (!chosen) return std::nullopt;
  const std::string node = text(*chosen, "node");
  const std::string where = node.empty() ? "" : " on node " + node;
  return Problem{text(*chosen, "reason"), fmt::format("{} (pod {}{}{})", text(*chosen, "message"), text(*chosen, "pod"),
                                                      where, most == 1 ? "" : fmt::format(", and {} more", most - 1))};
}

}  // namespace

Health health_of(const Json& workload, const std::string& refusal, const std::vector<Json>& troubles) {
  if (!workload.is_object()) return {};
  const Numbers pods = numbers_of(workload);
  const bool seen =
      number(part(workload, "status"), "observedGeneration") >= number(part(workload, "metadata"), "generation");
  Health out{pods.wanted, pods.ready, seen && pods.updated >= pods.wanted && pods.ready >= pods.wanted, {}};
  // The DaemonSets of older servers tell no number, or 0 of 0, while a pod of theirs is refused.
  const bool may_lack = pods.made < pods.wanted || !seen || (pods.wanted == 0 && workload["kind"] == "DaemonSet");
  if (may_lack && !refusal.empty()) {
    out.settled = false;
    out.problem = Problem{"PodsRefused", refusal};
  }
  if (out.settled) return out;
  if (!out.problem) out.problem = told_by_controller(workload);
  if (!out.problem) out.problem = most_common(troubles);
  return out;
}

}  // namespace tessera::operate
