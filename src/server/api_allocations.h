#pragma once
// The routes of allocations: asked for, listed, shown, taken back; and of instances that nobody has, taken away.
#include <optional>
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/access/viewer.h"
#include "server/allocations.h"
#include "server/history.h"
#include "server/keeper.h"
#include "server/problem.h"

namespace tessera::server {

/// All of what is given outlives the routes. What decisions were made on is read from the past.
std::vector<http::Route> allocation_routes(const Latest<Published>& fleet, Allocations& allocations,
                                           const History& history, const std::string& api);

/// The cluster of a request that names none: the only one that there is.
std::optional<Problem> settle_cluster(std::optional<std::string>& cluster, const fleet::View& view);

/// Allocations that have no holder in the fleet's inventory: promised, or bound by a process alone. Of what a viewer
/// sees.
std::size_t promised_count(const fleet::AllocationBook& book, const fleet::View& view,
                           const std::optional<std::string>& cluster, const Viewer& viewer);

}  // namespace tessera::server
