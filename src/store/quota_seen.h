#pragma once
// What looks at quotas of GPUs have shown. See migrations/0239_quota_seen.sql.
#include <cstdint>
#include <string>
#include <vector>

#include "base/duration.h"
#include "store/database.h"

namespace tessera::store {

/// Of one resource of a ResourceQuota, while it was as large as it is.
struct QuotaSeen {
  EpochMs hour = 0;  ///< begin
  std::string cluster;
  std::string space;  ///< namespace
  std::string quota;
  std::string resource;  ///< "nvidia.com/gpu"
  std::int64_t hard = 0;
  std::int64_t looked_ms = 0;    ///< of the hour
  std::int64_t refused_ms = 0;   ///< of these, in which pods were refused for which there was room
  std::int64_t wanted_most = 0;  ///< beyond it, at once
  bool operator==(const QuotaSeen&) const = default;
};

/// Adds to what is there of the same hour: sums to sums, the most to the most.
Result<void> add_quota_seen(Database& database, const std::vector<QuotaSeen>& seen);
/// From `from` on, by cluster, namespace, quota, resource and hour.
Result<std::vector<QuotaSeen>> quota_seen(Database& database, EpochMs from);
Result<void> drop_quota_seen_before(Database& database, EpochMs time);

}  // namespace tessera::store
