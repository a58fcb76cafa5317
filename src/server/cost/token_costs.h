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

/// The same over a window, as means of an hour: of what was read and made in it, and what the pods have cost that did
/// so. `rows` are of the window; of nothing where that is empty.
nlohmann::ordered_json token_costs_json(const std::vector<store::ServedTokens>& tokens,
                                        const std::vector<fleet::CostRow>& rows, const fleet::CostWindow& window,
                                        const Viewer& viewer);

}  // namespace tessera::server
