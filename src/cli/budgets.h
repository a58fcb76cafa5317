#pragma once
// `tessera budgets`: what parts of the fleet may cost and how that stands, as a server tells it.
#include <string>

#include "cli/cost.h"
#include "cli/fleet_server.h"

namespace tessera::cli {

struct BudgetsCommand {
  std::string name{};  ///< of one, or its id; empty: all
  ServerPlace server;
  Parameters query;
  CostForm form = CostForm::Table;  ///< Csv of all alone
};

/// A reply of /budgets as a table.
std::string budgets_table(const JsonValue& reply);
/// One budget: what it is, how it stands, and its burn-down as far as it is closed.
std::string budget_text(const JsonValue& budget);

Result<std::string> show_budgets(const BudgetsCommand& command);

}  // namespace tessera::cli
