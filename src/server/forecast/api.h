#pragma once
// GET /forecast/…: what comes next in usage, cost and demand, when pools are full, and which hours of the week are.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/latest.h"
#include "fleet/allocation/book.h"
#include "http/server.h"
#include "server/forecast/forecasts.h"
#include "server/keeper.h"

namespace tessera::server {

/// `forecasts` and `costs`: null where gpu.management.cost.enabled is false; all are refused then, because the hours
/// that forecasts stand on are the ledger's.
std::vector<http::Route> forecast_routes(const Latest<Published>& fleet, Forecasts* forecasts, Costs* costs,
                                         std::function<std::shared_ptr<const fleet::AllocationBook>()> book,
                                         const std::string& api);

}  // namespace tessera::server
