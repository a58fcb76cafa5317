#pragma once
// What devices have cost at all times so far, so that rates which are changed in the settings change nothing that has
// been. See fleet/cost/rate_history.h.
#include <vector>

#include "fleet/cost/rates.h"
#include "store/database.h"

namespace tessera::store {

Result<std::vector<fleet::Rate>> cost_rates(Database& database);

/// Brings the rates that are kept to what is wanted as of `now`, and notes the buckets of the ledger that have become
/// others as late: those from `oldest` on, before which nothing can be corrected. Returns the rates of all times.
Result<std::vector<fleet::Rate>> keep_cost_rates(Database& database, const std::vector<fleet::Rate>& wanted,
                                                 EpochMs oldest, EpochMs now);

}  // namespace tessera::store
