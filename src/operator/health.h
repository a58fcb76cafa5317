#pragma once
// Inside the room: how far a workload is, from what the API server says of it and of its pods. Pure.
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace tessera::operate {

struct Problem {
  std::string reason;   ///< "ImagePullFailing"
  std::string message;  ///< with what it is about, and what to do
  bool operator==(const Problem&) const = default;
};

struct Health {
  std::int64_t wanted = 0, ready = 0;  ///< pods
  bool settled = false;                ///< what was applied last is what runs, on as many pods as there shall be
  std::optional<Problem> problem{};
  bool operator==(const Health&) const = default;
};

/// Of a DaemonSet, Deployment or StatefulSet; null: it is not there yet. `refusal`: why its pods are not made, where an
/// event tells; `troubles`: of its component's pods (sources.h).
Health health_of(const nlohmann::ordered_json& workload, const std::string& refusal,
                 const std::vector<nlohmann::ordered_json>& troubles);

}  // namespace tessera::operate
