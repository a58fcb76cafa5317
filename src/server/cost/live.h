#pragma once
// What the fleet costs an hour as it is now, shared out as the ledger does it.
#include <deque>
#include <vector>

#include "fleet/cost/report.h"
#include "fleet/inventory/fleet.h"
#include "store/cost_bucket.h"
#include "store/cost_ledger.h"

namespace tessera::server {

/// A row for each line, as if what is held and done now were so for an hour; `rules` names owners and places. A device
/// that is silent is unobserved, as long as it costs anything.
std::vector<store::CostPosting> hourly_costs(const fleet::View& view, const store::CostRules& rules);

}  // namespace tessera::server
