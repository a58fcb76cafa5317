#pragma once
// Budgets as the API tells them and as it takes them: docs/budgets.md. Money is written exactly, as texts.
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "server/budgets/budgets.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// What the budget is, without how it stands.
Json kept_json(const store::KeptBudget& kept);

enum class Burn : std::uint8_t { Left, Told };  ///< whether the burn-down is there, day by day
/// With its standing, null where there is none.
Json budget_json(const BudgetStanding& one, Burn burn);

/// In the answer to who asks for an allocation.
Json words_json(const std::vector<BudgetWord>& words);

/// The body of POST and PUT. What it does not say is as `options` have it, or as a budget is without. Invalid with the
/// member and what was expected there.
Result<fleet::budgets::Budget> parse_budget(std::string_view body, const BudgetOptions& options);

}  // namespace tessera::server
