#pragma once
// What devices have cost, in buckets of fifteen minutes. A bucket is closed once; what comes to be known of its time
// later is entered beside it as a correction, so that what was reported once can be reported again.
#include <cstdint>
#include <map>
#include <vector>

#include "base/result.h"
#include "fleet/cost/posting.h"

namespace tessera::fleet {

/// Every time zone's days and hours begin with a bucket: offsets are whole quarters of an hour since 1980.
inline constexpr Milliseconds kCostBucket{15 * 60'000};
/// The bucket's begin.
EpochMs cost_bucket_of(EpochMs time);

/// Never changed once it is there.
struct CostEntry {
  EpochMs bucket = 0;
  std::int64_t revision = 0;  ///< 0: as the bucket was closed; else of its corrections the how manieth
  Posting posting;
  bool operator==(const CostEntry&) const = default;
};

/// What has to be entered so that `entered`, whose lines may come more than once, comes to `now`: nothing where it
/// does.
std::vector<Posting> correction(const std::vector<Posting>& entered, const std::vector<Posting>& now);

/// In memory, as the database has it.
class CostLedger {
 public:
  /// Closes the bucket with what it came to, or corrects it to that; returns the revision that was entered, and
  /// NotFound where there was nothing to correct. Invalid where a time is no bucket's begin.
  Result<std::int64_t> settle(EpochMs bucket, const std::vector<Posting>& now);

  bool is_closed(EpochMs bucket) const { return buckets_.contains(bucket); }
  /// Of buckets in [from, to), in the order of their buckets and revisions.
  std::vector<CostEntry> entries(EpochMs from, EpochMs to) const;

 private:
  struct Bucket {
    std::int64_t revision = 0;
    std::vector<CostEntry> entries;
  };
  std::map<EpochMs, Bucket> buckets_;
};

}  // namespace tessera::fleet
