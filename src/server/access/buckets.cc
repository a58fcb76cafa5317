#include "server/access/buckets.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tessera::server {

Buckets::Bucket& Buckets::filled(const std::string& caller, SteadyTime now) {
  const auto known = buckets_.find(caller);
  if (known == buckets_.end()) {
    if (buckets_.size() >= most_) make_room(now);
    return buckets_.emplace(caller, Bucket{rate_.burst, now}).first->second;
  }
  Bucket& bucket = known->second;
  const double passed = std::chrono::duration<double>(now - bucket.at).count();
  bucket.level = std::min(rate_.burst, bucket.level + std::max(0.0, passed) * rate_.per_second);
  bucket.at = now;
  return bucket;
}

// Who is forgotten begins with a full bucket: so those go that have one, and if there are none, the fullest.
void Buckets::make_room(SteadyTime now) {
  const auto level = [&](const Bucket& bucket) {
    return bucket.level + std::chrono::duration<double>(now - bucket.at).count() * rate_.per_second;
  };
  std::erase_if(buckets_, [&](const auto& one) { return level(one.second) >= rate_.burst; });
  if (buckets_.size() < most_) return;
  const auto fullest = std::ranges::max_element(buckets_, {}, [&](const auto& one) { return level(one.second); });
  buckets_.erase(fullest);
}

Draw Buckets::take(const std::string& caller, double tokens, SteadyTime now, bool debt) {
  const std::lock_guard lock(mutex_);
  Bucket& bucket = filled(caller, now);
  Draw out;
  out.given = debt ? bucket.level > 0 : bucket.level >= tokens;
  if (out.given)
    bucket.level -= tokens;
  else
    out.wait_seconds = ((debt ? 1 : tokens) - bucket.level) / rate_.per_second;
  out.left = std::max(0.0, std::floor(bucket.level));
  out.full_in_seconds = std::max(0.0, (rate_.burst - bucket.level) / rate_.per_second);
  return out;
}

void Buckets::charge(const std::string& caller, double tokens, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  filled(caller, now).level -= tokens;
}

}  // namespace tessera::server
