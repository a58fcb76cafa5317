#pragma once
// What scopes have cost by the ledger, kept in memory: of buckets that are as they were, nothing is read again.
#include <map>
#include <optional>
#include <set>
#include <string>

#include "fleet/budgets/standing.h"
#include "store/budgets.h"

namespace tessera::server {

/// Not thread-safe.
class Spending {
 public:
  /// Brings it up to date with the ledger for these scopes, from `from` on. Unavailable where the database does not
  /// answer: then it is as it was.
  Result<void> look(store::Database& database, const std::set<fleet::budgets::Scope>& scopes, EpochMs from);

  /// Of a scope of the last look. Invalid where it has a sum that 64 bits do not hold.
  Result<const fleet::budgets::SpentByBucket*> of(const fleet::budgets::Scope& scope) const;
  /// Where the newest closed bucket ends; absent: there is none.
  std::optional<EpochMs> closed_until() const { return closed_until_; }
  /// Of the ledger at the last look; absent before the first.
  const std::optional<store::LedgerVersion>& version() const { return version_; }

 private:
  struct Spent {
    fleet::budgets::SpentByBucket buckets;
    std::string trouble;  ///< empty: all of it is known
  };
  using Revisions = std::map<EpochMs, std::int64_t>;
  static Result<void> read(store::Database& database, const fleet::budgets::Scope& scope, const Revisions& closed,
                           Spent& into);

  std::optional<store::LedgerVersion> version_;
  EpochMs from_ = 0;
  Revisions known_;  ///< of the closed buckets that are counted
  std::optional<EpochMs> closed_until_;
  std::map<fleet::budgets::Scope, Spent> scopes_;
};

}  // namespace tessera::server
