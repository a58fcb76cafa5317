#include "fleet/serving/latency.h"

#include <algorithm>
#include <cmath>

namespace tessera::fleet {

std::optional<double> quantile(double q, std::span<const Bucket> buckets) {
  if (buckets.size() < 2 || !std::isinf(buckets.back().upper)) return std::nullopt;
  const double all = buckets.back().count;
  if (!(all > 0)) return std::nullopt;
  const double rank = q * all;
  double below = 0, lower = 0;
  for (const Bucket& one : buckets) {
    // Buckets that were read at different times may fall: what is below is at least what was.
    const double count = std::max(one.count, below);
    if (count >= rank && count > 0) {
      if (std::isinf(one.upper)) return lower;
      return count == below ? one.upper : lower + (one.upper - lower) * (rank - below) / (count - below);
    }
    below = count;
    lower = one.upper;
  }
  return lower;
}

}  // namespace tessera::fleet
