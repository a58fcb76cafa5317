#pragma once
// Closes the buckets of the cost ledger as their time comes, and corrects those of which more is known later: a thread
// of the leader, with a connection of its own that is guarded by the leader's epoch. Where it stands is in the database
// alone, so that a restart, or another leader, goes on there.
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

#include "base/latest.h"
#include "server/cost/sight.h"
#include "server/cost/token_log.h"
#include "server/keeper.h"
#include "store/cost_ledger.h"

namespace tessera::server {

struct LedgerOptions {
  CostSettings settings;
  fleet::OwnerRules owners;
  Milliseconds usage_kept{std::chrono::hours(24 * 30)};  ///< of five minutes: what is older cannot be worked out
  Milliseconds close_after{10 * 60'000};                 ///< a bucket's end; later than usage counts as late
  Milliseconds settled_for{30'000};  ///< a bucket has been late, and nothing more came for it, before it is corrected
  Milliseconds look_every{1'000};    ///< 0: look() alone
  Milliseconds spend{250};           ///< of that, so that a backlog holds nobody up
};

struct LedgerStats {
  std::uint64_t closed = 0;             ///< buckets, since the start
  std::uint64_t corrected = 0;          ///< likewise
  std::uint64_t failures = 0;           ///< looks that the database did not take
  std::optional<EpochMs> closed_until;  ///< absent: nothing is closed yet
  std::size_t late = 0;                 ///< buckets that are to be corrected, of the next few
};

/// stats() is thread-safe. What is given outlives it.
class LedgerCloser {
 public:
  /// `started`: whether the fleet is what it was before a restart.
  LedgerCloser(std::unique_ptr<store::Database> database, const Latest<Published>& fleet, std::function<bool()> started,
               LedgerOptions options);
  ~LedgerCloser();
  LedgerCloser(const LedgerCloser&) = delete;
  LedgerCloser& operator=(const LedgerCloser&) = delete;

  LedgerStats stats() const;
  /// One round of the thread; for tests, too.
  Result<void> look();

 private:
  void wait_for_cluster();
  Result<void> begin(EpochMs now);
  Result<void> look(const Published& known);
  Result<void> keep_facts(EpochMs now);
  Result<void> keep_tokens(EpochMs now);
  Result<void> find_begin(EpochMs now);
  store::CostRules rules_at(EpochMs now) const;
  Result<void> close(EpochMs now, SteadyTime until);
  Result<void> correct(EpochMs now, SteadyTime until);
  Result<void> drop_old(EpochMs now);
  EpochMs oldest_closed(EpochMs now) const;     ///< nothing before it is closed
  EpochMs oldest_corrected(EpochMs now) const;  ///< nothing before it is corrected

  const std::unique_ptr<store::Database> database_;
  const Latest<Published>& fleet_;
  const std::function<bool()> started_;
  const LedgerOptions options_;
  // Below: the thread's own.
  store::CostWriter writer_{*database_};
  std::optional<CostSight> sight_;
  std::optional<fleet::RateBook> rates_;
  TokenLog tokens_;
  std::optional<EpochMs> next_;   ///< the bucket that may not be closed yet; all from begin_ to it are
  std::optional<EpochMs> begin_;  ///< of the ledger; absent: there are no devices
  EpochMs begin_found_at_ = 0;
  EpochMs dropped_at_ = 0;
  struct Late {
    std::int64_t version = 0;
    SteadyTime since;
  };
  std::map<EpochMs, Late> late_;
  bool failing_ = false;                   ///< said once
  std::optional<SteadyTime> waits_since_;  ///< for the cluster; max: said
  mutable std::mutex mutex_;
  LedgerStats stats_;    // guarded by mutex_
  std::jthread thread_;  ///< last
};

}  // namespace tessera::server
