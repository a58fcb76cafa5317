#pragma once
// What alerts on costs are held against: the hours that forecasts are made of.
#include <functional>
#include <optional>
#include <vector>

#include "fleet/alerts/observe_costs.h"
#include "server/forecast/forecasts.h"

namespace tessera::server {

using CostDeviations = std::optional<std::vector<fleet::alerts::CostDeviation>>;

/// Of the fleet and of each team.
std::vector<fleet::alerts::CostPast> cost_past(const Past& past);

/// `forecasts`: null where no costs are reckoned; then there is nothing to observe. What it gives is worked out once an
/// hour; absent before the ledger was read, and while its last closed hour is long ago. One thread's own.
std::function<CostDeviations(EpochMs now)> cost_deviations_of(const Forecasts* forecasts);

}  // namespace tessera::server
