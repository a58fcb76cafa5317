#pragma once
// How a budget stands: what was spent of it, day by day, beside what an even pace would have spent, and what its period
// is expected to come to. Pure: the ledger's sums and how far it is closed come in.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fleet/budgets/budget.h"
#include "fleet/forecast/forecast.h"

namespace tessera::fleet::budgets {

/// What a scope has cost in each bucket (fleet/cost/ledger.h) that is closed, corrections counted; 0 where it had
/// nothing. A bucket that is not here is not known.
using SpentByBucket = std::map<EpochMs, Micros>;

/// So much history a forecast is made from, where there is as much.
inline constexpr Milliseconds kForecastHistory{std::chrono::hours(24 * 35)};
inline constexpr double kForecastCoverage = 0.9;

/// A day of the period, which may be cut at its ends.
struct BurnPoint {
  CostWindow day;
  std::optional<Micros> spent{};     ///< in it, as far as it is closed; absent: nothing of it is
  std::optional<Micros> spent_by{};  ///< from the period's begin to its end; absent as above
  Micros even_by = 0;                ///< by its end, at an even pace
  bool closed = false;               ///< all of it
  bool operator==(const BurnPoint&) const = default;
};

/// What the period is expected to come to: what was spent, and a forecast by hours (fleet/forecast) for the rest. An
/// estimate, in whole micro-units as the rest, and never less than what was spent.
struct Outlook {
  Micros value = 0;
  Micros low = 0, high = 0;  ///< as if every hour were at the same end of its interval of kForecastCoverage
  Micros error = 0;          ///< the backtest's mean absolute error of an hour
  std::size_t hours = 0;     ///< of history that it was made from
  std::size_t ahead = 0;     ///< hours
  std::size_t judged = 0;    ///< hours ahead that the backtest looked at; what is farther is wider, not measured
  std::size_t filled = 0;    ///< hours of the history that were not closed
  std::vector<forecast::Judged> methods{};  ///< those that have a part in it, the largest first
};

struct Standing {
  CostWindow period;
  std::optional<EpochMs> closed_until{};  ///< of the period; absent: nothing of it is closed
  std::optional<Micros> spent{};          ///< up to there; absent likewise
  Micros even = 0;                        ///< what an even pace would have spent up to there
  Milliseconds unknown{};                 ///< of the time up to there, in buckets that are not closed
  std::vector<BurnPoint> burn_down{};
  std::optional<Outlook> outlook{};
  std::string no_outlook{};  ///< why there is none: a sentence; empty where there is one
};

/// `spent` may have buckets before the period: the forecast learns from them. Buckets at and behind `closed_until` are
/// passed over. Invalid where a sum is beyond 64 bits, or the system does not know the zone.
Result<Standing> standing(const Budget& budget, const CostWindow& period, const SpentByBucket& spent,
                          std::optional<EpochMs> closed_until);

/// The part of the amount that an even pace has spent by `time`, rounded down.
Micros even_pace(Micros amount, const CostWindow& period, EpochMs time);

/// What is left of the amount; below 0 where more was spent. Absent where that is.
std::optional<Micros> remaining(const Budget& budget, const Standing& standing);

/// Whether an enforced budget has nothing left, by what it is enforced on. One of nothing never has anything left.
bool is_overspent(const Budget& budget, const Standing& standing);

}  // namespace tessera::fleet::budgets
