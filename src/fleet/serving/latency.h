#pragma once
// Latencies by the buckets of a histogram, as they grew over a window. Pure.
#include <optional>
#include <span>

namespace tessera::fleet {

struct Bucket {
  double upper = 0;  ///< seconds; infinite in the last
  double count = 0;  ///< of observations up to it
};

/// The quantile `q`, by a straight line within its bucket, as PromQL's histogram_quantile has it. Above the last finite
/// bound it is that bound. Absent without observations and without a bucket for all of them. `buckets` by `upper`.
std::optional<double> quantile(double q, std::span<const Bucket> buckets);

struct Latency {
  std::optional<double> mean, p50, p90, p99;  ///< seconds
  bool operator==(const Latency&) const = default;
};

}  // namespace tessera::fleet
