#pragma once
// What a server starts of budgets, by its settings, and what it asks them when somebody wants a device.
#include <functional>
#include <memory>
#include <vector>

#include "fleet/cost/owner_rules.h"
#include "server/allocation_wish.h"
#include "server/budgets/budgets.h"
#include "server/settings.h"

namespace tessera::server {

/// Null where gpu.management.cost.enabled is false: then there is nothing to hold budgets against.
std::unique_ptr<Budgets> open_budgets(const Settings& settings, bool leads, const Latest<Published>& fleet,
                                      Changes& changes, store::Readers& readers, std::function<bool()> started);

/// Who will pay for what a wish gets, as the ledger will have it: by the rules for owners, from the labels of its pod,
/// where the cluster shows it already, and of its namespace. The team that the wish names counts where no rule names
/// one.
struct Payer {
  fleet::CostOwner owner;
  bool overhead = false;  ///< the platform's own
};
Payer payer_of(const fleet::OwnerRules& rules, const Published& known, const AllocationWish& wish);

/// What AllocationOptions::payer asks, be there budgets or none.
std::function<fleet::CostOwner(const Published&, const AllocationWish&)> payer_by(const Settings& settings);

/// What AllocationOptions::budgets asks. `budgets` outlives it; null has no word.
std::function<std::vector<BudgetWord>(const Published&, const AllocationWish&)> budget_words(const Settings& settings,
                                                                                             const Budgets* budgets);

/// What AlertOptions::budgets asks, likewise.
std::function<std::optional<std::vector<fleet::alerts::BudgetCrossed>>()> crossings_of(const Budgets* budgets);

}  // namespace tessera::server
