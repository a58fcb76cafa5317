#pragma once
// What a model's tokens cost, at the pace of the last minutes or over a window.
#include <nlohmann/json_fwd.hpp>

#include "server/access/viewer.h"
#include "server/cost/costs.h"
#include "server/keeper.h"

namespace tessera::server {

/// A row for each model and team of a cluster: what their pods' GPUs cost an hour, how many tokens they read and make
/// in one at their present pace, and what a million of these costs. Engines that tell no pace yet are left out; money
/// and tokens are of the same engines.
nlohmann::ordered_json token_costs_json(const Published& known, const HourlyCosts& hourly, const Viewer& viewer);

/// The same over a window, as means of an hour of the time in which the row's engines told their tokens: of what was
/// read and made in it, and what the pods that did so have cost in the same quarters of an hour.
nlohmann::ordered_json token_costs_json(const ServedTime& served, const Viewer& viewer);

}  // namespace tessera::server
