#pragma once
// Whether an hour cost otherwise than the same hour of the weeks before, as observations.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fleet/alerts/evaluator.h"

namespace tessera::fleet::alerts {

/// What the fleet or a team cost, hour by hour; absent where it is not known.
struct CostPast {
  std::string team;                          ///< empty: the fleet
  std::vector<std::optional<double>> hours;  ///< from the first in which there was anything; the last two are judged
  /// Of a team: what the fleet cost in each of those hours of which nobody knows whose it is. Some may be the team's,
  /// so that it costs less than usual is unknown where this may be all that it lacks. Empty: nothing.
  std::vector<double> unobserved{};
};

struct CostDeviation {
  std::string team;  ///< empty: the fleet
  /// Robust deviations from what is usual; absent where the hour is not known, or what is usual is not.
  std::optional<double> deviation{};
  bool operator==(const CostDeviation&) const = default;
};

/// Of the last two hours, the one that is less off: while the ledger does not go on the last one would seem to be many.
/// Of all; unknown where less than three weeks are known, of the team or of the fleet. Usual is the hour and its two
/// neighbours, at the same time of each of the last four weeks; the spread is a twentieth of that at least, and a
/// hundredth of the fleet's, so that a small team's trifle is none. What was so in more than two of those hours is
/// usual; see deviation_beyond.
std::vector<CostDeviation> cost_deviations(std::span<const CostPast> past);

/// `known` is absent where nobody knows: then nothing ends.
void observe_costs(std::optional<std::span<const CostDeviation>> known, EpochMs now, Round& round);

}  // namespace tessera::fleet::alerts
