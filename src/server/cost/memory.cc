#include "server/cost/memory.h"

#include "store/cluster_nodes.h"
#include "store/cost_pods.h"

namespace tessera::server {

Result<CostMemory> cost_memory(store::Database& database) {
  CostMemory out;
  out.pods = TRY(store::cost_pods(database));
  out.places = TRY(store::cost_places(database));
  out.shared = TRY(store::cost_shared(database));
  out.held = TRY(store::cost_held(database));
  return out;
}

Result<void> remember(store::Database& database, const CostMemory& facts, EpochMs now) {
  return database.atomically([&]() -> Result<void> {
    TRY(store::write_cost_pods(database, facts.pods, now));
    TRY(store::write_cost_places(database, facts.places));
    TRY(store::write_cost_shared(database, facts.shared));
    return store::write_cost_held(database, facts.held, now);
  });
}

Result<void> forget_before(store::Database& database, EpochMs time) {
  TRY(store::drop_cost_pods_before(database, time));
  TRY(store::drop_cost_places_before(database, time));
  TRY(store::drop_cluster_absences_before(database, time));
  return store::drop_cost_shares_before(database, time);
}

}  // namespace tessera::server
