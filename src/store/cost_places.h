#pragma once
// Which pools nodes were of, and how they were bought, at each time.
#include <string>
#include <vector>

#include "fleet/cost/rates.h"
#include "store/database.h"

namespace tessera::store {

/// Holds from `begins` until the next one of the node.
struct CostPlace {
  std::string cluster;
  std::string node;
  EpochMs begins = 0;
  std::string pool;  ///< empty: none
  fleet::Purchase purchase = fleet::Purchase::OnDemand;
  bool operator==(const CostPlace&) const = default;
};

/// Of each node the earliest first.
Result<std::vector<CostPlace>> cost_places(Database& database);

/// Whatever was kept of the same node and begin.
Result<void> write_cost_places(Database& database, const std::vector<CostPlace>& places);

/// What no time from `time` on is reckoned by, and what is of nodes of which no device is kept.
Result<void> drop_cost_places_before(Database& database, EpochMs time);

}  // namespace tessera::store
