#pragma once
// Budgets, the crossings that were told of, and what scopes have cost by the ledger. See migrations/0160_budgets.sql
// and 0235_budget_judged.sql, fleet/budgets. Whoever writes shares the database with none (SQLite) or guards it by his
// epoch (Database::guard).
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/budgets/crossing.h"
#include "store/database.h"

namespace tessera::store {

/// A budget, and who made it and changed it last.
struct KeptBudget {
  fleet::budgets::Budget budget{};
  std::string created_by{};
  EpochMs created = 0;
  std::string changed_by{};
  EpochMs changed = 0;
  bool operator==(const KeptBudget&) const = default;
};

/// By name.
Result<std::vector<KeptBudget>> budgets(Database& database);
/// In the place of what has its id.
Result<void> put_budget(Database& database, const KeptBudget& one);
/// With its crossings; false where there is none.
Result<bool> drop_budget(Database& database, const std::string& id);

/// By budget, period and threshold.
Result<std::vector<fleet::budgets::Crossing>> budget_crossings(Database& database);
/// One that is there already stays as it is.
Result<void> add_budget_crossings(Database& database, std::span<const fleet::budgets::Crossing> crossings);
Result<void> drop_budget_crossing(Database& database, const fleet::budgets::Crossing& crossing);
/// Of periods that were over before `time`.
Result<void> drop_budget_crossings_before(Database& database, EpochMs time);

/// By budget: its periods that ended by then were held against all of what the ledger has of them. One that was never
/// looked at is not among them.
Result<std::map<std::string, EpochMs>> budgets_judged(Database& database);
Result<void> keep_budgets_judged(Database& database, const std::map<std::string, EpochMs>& until);

/// What tells whether the ledger says otherwise than it did.
struct LedgerVersion {
  std::int64_t buckets = 0, newest = 0, corrections = 0;
  bool operator==(const LedgerVersion&) const = default;
};
Result<LedgerVersion> ledger_version(Database& database);

/// The buckets in [from, to) that are closed, each with how many corrections it has had.
Result<std::map<EpochMs, std::int64_t>> closed_buckets(Database& database, EpochMs from, EpochMs to);

/// What a scope has cost in each bucket of [from, to) in which it has entries. An error where a sum is beyond 64 bits.
Result<std::map<EpochMs, fleet::Micros>> spent_by_bucket(Database& database, const fleet::budgets::Scope& scope,
                                                         EpochMs from, EpochMs to);

}  // namespace tessera::store
