#pragma once
// What would let those in who wait: moves of what may move, and fleets that are not there. Both are plans; nothing is
// done, and nothing is kept.
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/allocations.h"
#include "server/keeper.h"

namespace tessera::server {

/// All of what is given outlives the routes.
std::vector<http::Route> plan_routes(const Latest<Published>& fleet, const Allocations& allocations,
                                     const std::string& api);

}  // namespace tessera::server
