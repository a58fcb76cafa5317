#pragma once
// /budgets: what parts of the fleet may cost, how that stands, and how one is made, changed and removed.
#include <string>
#include <vector>

#include "http/server.h"
#include "metrics/page.h"
#include "server/budgets/budgets.h"

namespace tessera::server {

struct Viewer;

/// `budgets` outlives the routes; null where no costs are reckoned.
std::vector<http::Route> budget_routes(Budgets* budgets, const std::string& api);

/// Whether a caller is told of a budget with its amounts: of those who are restricted, one of their namespaces or
/// teams.
bool sees_budget(const Viewer& viewer, const fleet::budgets::Scope& scope);

void add_budget_metrics(metrics::Page& page, const Budgets& budgets);

}  // namespace tessera::server
