#pragma once
// Usage over time, in three resolutions that are written alike: to each its rows are added, so that the coarse are the
// exact sums of the fine. See migrations/0002_usage.sql.
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "store/database.h"

namespace tessera::store {

enum class Resolution : std::uint8_t { Raw, FiveMinutes, Hour };
inline constexpr std::size_t kResolutions = 3;

/// How long each is kept.
struct UsageRetention {
  Milliseconds raw{std::chrono::hours(24)};
  Milliseconds five_minutes{std::chrono::hours(24 * 30)};
  Milliseconds hour{std::chrono::hours(24 * 396)};  ///< 13 months
  Milliseconds of(Resolution resolution) const {
    return resolution == Resolution::Raw ? raw : resolution == Resolution::Hour ? hour : five_minutes;
  }
};

/// Usage of a bucket of the cost ledger is late when it is written so long after the bucket's end (cost_ledger.h):
/// sooner than any is closed.
inline constexpr Milliseconds kLateAfter{5 * 60'000};

std::string_view usage_table(Resolution resolution);  ///< "usage_raw"
std::string_view owned_table(Resolution resolution);
/// How long a bucket is; `raw` is the meter's span.
std::int64_t bucket_seconds(Resolution resolution, Milliseconds raw);

/// The columns of a row of totals, as `SELECT` and totals_of() have them: with `SUM(u.util_sum)` and so on where
/// `summed`.
std::string totals_columns(bool summed);
fleet::Totals totals_of(const Row& row, std::size_t first_column);
inline constexpr std::size_t kTotalsColumns = 2 + 3 * fleet::kFields;

/// Writes rows of the meter. One for a database: it knows which numbers subjects and owners have there.
class UsageWriter {
 public:
  UsageWriter(Milliseconds span, UsageRetention retention) : span_(span), retention_(retention) {}

  /// Within a transaction of the caller's. What is older than its resolution is kept is left out there; returns how
  /// many rows were left out of all.
  Result<std::uint64_t> write(Database& database, const fleet::Usage& usage,
                              const std::function<fleet::UsageSubject(std::uint32_t)>& subject_of, EpochMs now);

  /// After a transaction that was rolled back: the numbers that it gave are not there.
  void forget();

  /// Subjects and owners that nothing which is kept names any longer go: a bounded step, true while there may be more.
  Result<bool> drop_unnamed(Database& database, EpochMs now);

 private:
  struct Subject {
    std::int64_t id = 0;      ///< 0: not known yet
    EpochMs last_told = 0;    ///< as it is in the database
    std::uint64_t whose = 0;  ///< a hash: numbers are given to others in time
    std::string cluster;
    std::string profile;
    std::optional<unsigned> compute_slices;
    std::optional<unsigned> sm_count;
  };
  struct Owner {
    std::int64_t id = 0;
    EpochMs last_told = 0;  ///< as it is in the database
  };
  Result<void> know_subject(Database& database, std::uint32_t number, const fleet::UsageSubject& of, EpochMs told);
  Result<std::int64_t> owner_id(Database& database, std::string_view cluster, const fleet::Workload& of, EpochMs told);
  Result<void> write_subjects(Database& database, Resolution resolution, const std::vector<fleet::SubjectUsage>& rows,
                              EpochMs oldest);
  Result<void> write_owners(Database& database, Resolution resolution, const std::vector<fleet::OwnerUsage>& rows,
                            EpochMs oldest);
  Result<void> write_silent(Database& database, const std::vector<fleet::Counted>& rows);

  const Milliseconds span_;
  const UsageRetention retention_;
  std::deque<Subject> subjects_;  ///< by the fleet's number
  std::unordered_map<std::string, Owner> owners_;
};

/// Drops at most one bucket's rows of each table that is older than it is kept; true while there may be more.
Result<bool> drop_old_usage(Database& database, const UsageRetention& retention, EpochMs now);

/// When the span of raw rows has changed: those of the old one are dropped (the others have all that they told).
Result<void> prepare_usage(Database& database, Milliseconds span);

}  // namespace tessera::store
