#pragma once
// What the fleet costs: allocations in OpenCost's form, teams, projects, a trend, what tokens cost, and files for
// finance.
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/cost/costs.h"
#include "server/keeper.h"

namespace tessera::server {

/// `costs`: null where gpu.management.cost.enabled is false; all are refused then.
std::vector<http::Route> cost_routes(const Latest<Published>& fleet, Costs* costs, const std::string& api);

}  // namespace tessera::server
