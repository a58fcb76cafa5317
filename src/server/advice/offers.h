#pragma once
// What else could be had: the same on nodes that may be taken away, at a reserved rate, or with moves.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fleet/advice/facts.h"
#include "server/api_plans.h"
#include "server/cost/costs.h"
#include "store/advice.h"

namespace tessera::server {

inline constexpr Milliseconds kPoolWindow{std::chrono::hours(24 * 56)};

/// Of each model of a cluster that is bought on demand, how many somebody had in each hour of [from, to): of an hour
/// its mean, for that is what a reservation is paid by. An hour of which a tenth is not known counts as not told; where
/// none is told for long, the boards have gone.
std::vector<fleet::advice::Pool> pools_of(const std::vector<store::PoolHour>& hours, const fleet::RateBook& rates,
                                          EpochMs from, EpochMs to);

/// Since when there have been moves that would free devices, as somebody looks again and again. Where a look shows
/// none, or comes late, it begins anew.
class ScatterTrack {
 public:
  /// What a server before this one had seen.
  void resume(const std::vector<store::ScatterSeen>& seen);
  std::vector<store::ScatterSeen> seen() const;

  /// `every`: how often it is looked.
  std::vector<fleet::advice::Scattered> look(const std::vector<Consolidated>& found, const HourlyCosts* hourly,
                                             EpochMs now, Milliseconds every);

 private:
  struct Since {
    EpochMs first = 0;
    std::int64_t looks = 0;
  };
  std::map<std::pair<std::string, std::string>, Since> since_;  ///< by cluster and model
  EpochMs last_ = 0;
};

}  // namespace tessera::server
