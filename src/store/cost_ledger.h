#pragma once
// The cost ledger: entries that are added once and never changed. See migrations/0120_cost.sql, fleet/cost/ledger.h.
// Whoever writes shares the database with none (SQLite) or guards it by his epoch (Database::guard).
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/cost/facts.h"
#include "fleet/cost/money.h"
#include "fleet/cost/posting.h"
#include "fleet/cost/report.h"
#include "fleet/cost/zone.h"
#include "store/database.h"

namespace tessera::store {

/// A posting with what it is of.
struct CostPosting {
  fleet::CostSubject subject;
  std::optional<fleet::CostOwner> owner;  ///< absent: nobody
  fleet::CostKind kind = fleet::CostKind::Unobserved;
  fleet::CostBasis basis = fleet::CostBasis::Nobody;
  fleet::CostAmount amount;
  bool operator==(const CostPosting&) const = default;
};

/// The ledger's currency is that of whoever comes first. Invalid for another one: two currencies have no sum.
Result<void> keep_currency(Database& database, const fleet::Currency& currency);

/// The ledger's currency; absent where it has none yet.
Result<std::optional<std::string>> cost_currency(Database& database);

/// The newest bucket that is closed; absent: none is.
Result<std::optional<EpochMs>> newest_cost_bucket(Database& database);
Result<bool> is_cost_bucket_closed(Database& database, EpochMs bucket);

// Why a bucket is corrected.
inline constexpr std::string_view kLateSamples = "late samples", kRatesChanged = "rates changed";

/// Of these buckets, something is known that was not: noted in the transaction that writes it.
Result<void> note_late(Database& database, std::span<const EpochMs> buckets, std::string_view why = kLateSamples);
struct LateBucket {
  EpochMs bucket = 0;
  std::int64_t version = 0;
  std::string why{kLateSamples};  ///< what was noted last
  bool operator==(const LateBucket&) const = default;
};
/// The earliest of those that are closed, so many at most.
Result<std::vector<LateBucket>> late_buckets(Database& database, std::size_t most);
/// Before `time` nothing can be corrected any more: the usage is not kept that it would be worked out from.
Result<void> drop_late_before(Database& database, EpochMs time);

/// One for a connection: it knows which numbers subjects and owners have.
class CostWriter {
 public:
  explicit CostWriter(Database& database) : database_(database) {}

  /// False where it is closed already: by this server, whose answer was lost, or by another one.
  Result<bool> close(EpochMs bucket, const std::vector<CostPosting>& postings, EpochMs now);

  /// Enters what the bucket lacks to come to `postings`, which were worked out after `late` was read; how many entries
  /// that was. NotFound where it is not closed.
  Result<std::size_t> correct(const LateBucket& late, const std::vector<CostPosting>& postings, EpochMs now);

  /// One step: buckets that are older than `time`, so many at most, or names that nothing of later has, when no such
  /// bucket is left. True while there may be more.
  Result<bool> drop_before(EpochMs time, std::size_t most);

 private:
  struct Name {
    std::int64_t id = 0;
    std::int64_t used_until = 0;  ///< seconds; by what this connection has written
  };
  Result<std::int64_t> id_of(const fleet::CostSubject& subject, EpochMs bucket);
  Result<std::int64_t> id_of(const std::optional<fleet::CostOwner>& owner, EpochMs bucket);
  Result<void> note_use(std::string_view table, Name& name, EpochMs bucket);
  Result<std::vector<fleet::Posting>> numbered(EpochMs bucket, const std::vector<CostPosting>& postings);
  Result<bool> drop_buckets(EpochMs time, std::size_t most);
  Result<bool> drop_names(std::string_view table, EpochMs time);
  Result<void> enter(EpochMs bucket, std::int64_t revision, const std::vector<fleet::Posting>& postings);
  /// Numbers that a transaction gave are not there when it is rolled back.
  Result<void> atomically(const std::function<Result<void>()>& work);

  Database& database_;
  std::map<fleet::CostSubject, Name> subjects_;
  std::map<fleet::CostOwner, Name> owners_;
};

/// Rows of a report, with their facts.
struct CostRows {
  CostRows() = default;
  CostRows(CostRows&&) = default;  // the facts stay where they are; a copy's rows would point to another's
  CostRows& operator=(CostRows&&) = default;
  std::deque<fleet::CostSubject> subjects;
  std::deque<fleet::CostOwner> owners;
  std::vector<fleet::CostRow> rows;  ///< each of a whole piece: its bucket is where the piece begins
};
/// Sums of the entries in each piece; corrections apart, and of them those that were entered when the month in which
/// the piece begins was over (which the zone says). Pieces are in order of time. Invalid for more than a million.
Result<CostRows> cost_rows(Database& database, std::span<const fleet::CostWindow> pieces,
                           const fleet::Zone& zone = fleet::Zone::utc());

}  // namespace tessera::store
