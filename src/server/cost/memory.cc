#include "server/cost/memory.h"

#include "store/cost_pods.h"

namespace tessera::server {

Result<CostMemory> cost_memory(store::Database& database) {
  CostMemory out;
  out.pods = TRY(store::cost_pods(database));
  out.places = TRY(store::cost_places(database));
  return out;
}

Result<void> remember(store::Database& database, const CostMemory& facts, EpochMs now) {
  return database.atomically([&]() -> Result<void> {
    TRY(store::write_cost_pods(database, facts.pods, now));
    return store::write_cost_places(database, facts.places);
  });
}

Result<void> forget_before(store::Database& database, EpochMs time) {
  TRY(store::drop_cost_pods_before(database, time));
  return store::drop_cost_places_before(database, time);
}

}  // namespace tessera::server
