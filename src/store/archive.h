#pragma once
// Everything that is kept of the stream, in one transaction with the journal's position: a restart counts nothing twice
// and loses nothing. What is counted up to `counted` is read again from `recall_from` on, without being counted: so
// that states which had not ended are known again; of those that had, `counted` tells.
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "store/database.h"
#include "store/partitions.h"
#include "store/sessions.h"
#include "store/usage.h"

namespace tessera::store {

struct Progress {
  std::uint64_t counted = 0;      ///< up to and with this record of the journal everything is in the database
  std::uint64_t recall_from = 0;  ///< reading again begins behind this one
  EpochMs counted_at = 0;         ///< the clock at that commit
};

/// What a restart goes on with.
struct Resumed {
  Progress progress;
  std::vector<fleet::Remembered> devices;
  std::vector<fleet::CountedBefore> counted;
  std::vector<RunningSession> running;
};
Result<Resumed> resume(Database& database);

/// Not owned.
struct Kept {
  std::span<const fleet::Ended> sessions;
  std::span<const fleet::LayoutSeen> layouts;
  std::span<const fleet::XidsSeen> xids;
  std::span<const fleet::Remembered> devices;
  /// Null where only the above is kept, which may be kept twice.
  const fleet::Usage* usage = nullptr;
  Progress progress;                        ///< of `usage`
  const RunningChanges* running = nullptr;  ///< null: none
};

/// For the one that writes. A database that is not its own in the meantime is none.
class Archive {
 public:
  Archive(Database& database, Milliseconds span, UsageRetention retention)
      : database_(database), span_(span), usage_(span, retention), partitions_(retention), retention_(retention) {}

  using SubjectOf = std::function<fleet::UsageSubject(std::uint32_t)>;
  Result<void> keep(const Kept& kept, const SubjectOf& subject_of, EpochMs now);

  /// What the records of another server's journal come to, up to and with `sequence`, of those that were handed over:
  /// they are no more then. Nothing where that has been done.
  Result<void> keep_handed_over(const std::string& journal, std::uint64_t sequence, const fleet::Usage& usage,
                                const SubjectOf& subject_of, EpochMs now);

  /// A bounded step of dropping what is older than it is kept.
  Result<void> drop_old(EpochMs now);

  /// Usage that came so late that no resolution keeps its time any longer.
  std::uint64_t left_out() const { return left_out_; }

 private:
  Database& database_;
  const Milliseconds span_;
  UsageWriter usage_;
  Partitions partitions_;
  const UsageRetention retention_;
  std::map<std::string, UsageWriter> others_;  ///< by journal: its subjects have other numbers
  std::uint64_t left_out_ = 0;
  EpochMs devices_dropped_ = 0;
  bool unnamed_ = false;  ///< there may be subjects and owners that nothing names
};

}  // namespace tessera::store
