#pragma once
// What the database remembers of the facts that costs are worked out by beside usage, for the time after they have gone
// and for the server that leads next.
#include <vector>

#include "fleet/cost/facts.h"
#include "store/cost_places.h"
#include "store/cost_shares.h"
#include "store/database.h"

namespace tessera::server {

struct CostMemory {
  std::vector<fleet::CostOwner> pods;
  std::vector<store::CostPlace> places;
  std::vector<store::CostShared> shared;
  std::vector<store::CostHeld> held;  ///< more than one replica
  bool empty() const { return pods.empty() && places.empty() && shared.empty() && held.empty(); }
};

Result<CostMemory> cost_memory(store::Database& database);
/// All or nothing; pods, and what they held, as they were seen at `now`.
Result<void> remember(store::Database& database, const CostMemory& facts, EpochMs now);
/// What nothing from `time` on is reckoned by.
Result<void> forget_before(store::Database& database, EpochMs time);

}  // namespace tessera::server
