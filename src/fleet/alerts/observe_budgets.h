#pragma once
// Thresholds of budgets that were crossed, as observations. A crossing has its value for as long as it is in force, so
// its alert fires once and is resolved when it no longer is.
#include <optional>
#include <span>
#include <string>

#include "fleet/alerts/evaluator.h"
#include "fleet/budgets/crossing.h"

namespace tessera::fleet::alerts {

struct BudgetCrossed {
  budgets::Crossing crossing;
  std::string name;  ///< of the budget
  budgets::Scope scope{};
  std::string time_zone = "UTC";  ///< of the budget: in which its times are shown
};

/// `known` is absent where nobody knows what is in force: then nothing ends.
void observe_budgets(std::optional<std::span<const BudgetCrossed>> known, EpochMs now, Round& round);

}  // namespace tessera::fleet::alerts
