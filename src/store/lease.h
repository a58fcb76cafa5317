#pragma once
// Which of several servers leads: one row with a lease that ends by the database's clock, and an epoch that rises with
// each change.
#include <cstdint>
#include <string>

#include "base/duration.h"
#include "store/database.h"

namespace tessera::store {

struct Candidate {
  std::string journal;  ///< the id of its journal: what it had worked off belongs to this
  std::string address;  ///< where it serves, for those who ask another one
  Milliseconds term{10'000};
};

struct Lease {
  std::int64_t epoch = 0;
  std::string holder;   ///< its journal
  std::string address;  ///< of the holder
  bool ours = false;    ///< for a whole term from when it was asked for
  /// Where it has just been taken: the journal of who led before, its own where that one has been dealt with; see
  /// set_aside().
  std::string before{};
};

/// Renews the lease of `epoch` (0: none), or takes it where nobody has one: then the epoch is a new one, and `progress`
/// is that of the candidate's journal.
Result<Lease> hold_lease(Database& database, const Candidate& candidate, std::int64_t epoch);

/// So that another need not wait for the term to end. Nothing where the epoch is not the present one.
Result<void> release_lease(Database& database, std::int64_t epoch);

/// Denied where the epoch is not the present one. In a transaction: it stays the present one until the transaction
/// ends.
Result<void> check_epoch(Database& database, std::int64_t epoch);

}  // namespace tessera::store
