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

/// Devices of one model that moves of what may move would free.
struct Consolidated {
  std::string cluster;
  std::string model;
  std::vector<std::string> frees;  ///< device ids
  std::vector<std::string> moves;  ///< a sentence each
};
/// Of each cluster, by the plan of GET /gpu/defragmentation with as many moves as that takes when nobody says.
std::vector<Consolidated> consolidations(const Published& known, const Allocations& allocations);

/// All of what is given outlives the routes.
std::vector<http::Route> plan_routes(const Latest<Published>& fleet, const Allocations& allocations,
                                     const std::string& api);

}  // namespace tessera::server
