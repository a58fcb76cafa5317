#pragma once
// Whose pods are by their labels, for the time after they have gone.
#include <vector>

#include "fleet/cost/facts.h"
#include "store/database.h"

namespace tessera::store {

/// With cluster, namespace, pod and uid; those that were seen last come last.
Result<std::vector<fleet::CostOwner>> cost_pods(Database& database);

/// As they were seen at `seen`, whatever was kept of them before.
Result<void> write_cost_pods(Database& database, const std::vector<fleet::CostOwner>& pods, EpochMs seen);

/// Those that were seen last before `time`.
Result<void> drop_cost_pods_before(Database& database, EpochMs time);

}  // namespace tessera::store
