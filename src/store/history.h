#pragma once
// Usage as it is asked for.
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/usage.h"

namespace tessera::store {

/// A subject of usage, as it is known now.
struct UsageOf {
  std::int64_t id = 0;
  std::string cluster;
  std::string device_uuid;
  std::optional<unsigned> gpu_instance;  ///< absent: the whole device
  std::string profile;
  std::optional<unsigned> compute_slices;
  std::optional<unsigned> sm_count;
};

/// A device and all instances that it ever had.
Result<std::vector<UsageOf>> usage_of_device(Database& database, std::string_view cluster,
                                             std::string_view device_uuid);

/// Whole buckets of one resolution.
struct Span {
  Resolution resolution = Resolution::Raw;
  std::int64_t bucket = 30;  ///< seconds
  std::int64_t from = 0;     ///< seconds since the epoch, a multiple of `bucket`
  std::int64_t to = 0;
};

/// take(bucket, totals) for each bucket of the subject in which anything was told, in their order.
Result<void> each_bucket(Database& database, std::int64_t subject, const Span& span,
                         const std::function<void(std::int64_t, const fleet::Totals&)>& take);

/// take(bucket, namespace) for each owner of a part of the subject in each bucket; without a namespace for processes
/// outside of any pod. Some come more than once.
Result<void> each_owner(Database& database, std::int64_t subject, const Span& span,
                        const std::function<void(std::int64_t, std::string_view)>& take);

/// All that was told of each subject in the span.
struct UsageSum {
  UsageOf of;
  fleet::Totals totals;
};
Result<std::vector<UsageSum>> usage_sums(Database& database, const Span& span);

/// What each owner had of each subject in the span.
struct OwnedSum {
  std::int64_t subject = 0;
  std::string cluster;
  std::string space;  ///< namespace
  std::string pod;
  std::int64_t share_ms = 0;
  double known_ms = 0;  ///< of it, with a known utilization
  double util_sum = 0;  ///< integral over that time, in ms
};
Result<std::vector<OwnedSum>> owned_sums(Database& database, const Span& span);

}  // namespace tessera::store
