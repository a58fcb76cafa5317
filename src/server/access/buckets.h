#pragma once
// Token buckets by caller: so many a second, with so many at once.
#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/duration.h"

namespace tessera::server {

struct Rate {
  double per_second = 0;
  double burst = 0;
};

struct Draw {
  bool given = true;
  double left = 0;             ///< whole tokens that are there now
  double full_in_seconds = 0;  ///< until the bucket is full again
  double wait_seconds = 0;     ///< until there is what was asked for; of one that was not given
};

/// Thread-safe, in bounded memory: of more callers than `most`, those are forgotten whose buckets are full.
class Buckets {
 public:
  explicit Buckets(Rate rate, std::size_t most = 10'000) : rate_(rate), most_(most) {}

  /// Takes `tokens` where they are there. With `debt` they are taken where anything is there at all, and the bucket may
  /// go below nothing: for what has been done when its size is known.
  Draw take(const std::string& caller, double tokens, SteadyTime now, bool debt = false);
  /// Takes them, come what may.
  void charge(const std::string& caller, double tokens, SteadyTime now);
  const Rate& rate() const { return rate_; }

 private:
  struct Bucket {
    double level = 0;
    SteadyTime at;
  };
  Bucket& filled(const std::string& caller, SteadyTime now);
  void make_room(SteadyTime now);

  const Rate rate_;
  const std::size_t most_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;  // guarded by mutex_
};

}  // namespace tessera::server
