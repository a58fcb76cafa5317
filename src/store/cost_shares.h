#pragma once
// Devices that are shared by time or by MPS: into how many replicas, and how many of them a pod held.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "store/database.h"

namespace tessera::store {

/// A device, or a GPU instance of one.
struct CostPart {
  std::string cluster;
  std::string device_uuid;
  std::optional<unsigned> gpu_instance;
  auto operator<=>(const CostPart&) const = default;
};

/// Holds from `begins` until the next one of the part.
struct CostShared {
  CostPart part;
  EpochMs begins = 0;
  std::int64_t replicas = 1;  ///< 1: one pod has it at a time
  bool operator==(const CostShared&) const = default;
};

/// A pod's replicas are given to it with its containers, and are the same for as long as it is there.
struct CostHolder {
  CostPart part;
  std::string space;
  std::string pod;
  std::string pod_uid;
  auto operator<=>(const CostHolder&) const = default;
};
struct CostHeld {
  CostHolder by;
  std::int64_t replicas = 1;
  bool operator==(const CostHeld&) const = default;
};

/// Of each part the earliest first.
Result<std::vector<CostShared>> cost_shared(Database& database);
Result<std::vector<CostHeld>> cost_held(Database& database);

Result<void> write_cost_shared(Database& database, const std::vector<CostShared>& shared);
/// As they were seen at `seen`.
Result<void> write_cost_held(Database& database, const std::vector<CostHeld>& held, EpochMs seen);

/// What no time from `time` on is reckoned by, and what is of devices that are not kept.
Result<void> drop_cost_shares_before(Database& database, EpochMs time);

}  // namespace tessera::store
