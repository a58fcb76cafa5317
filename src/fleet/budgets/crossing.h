#pragma once
// A threshold of a budget that was reached: told of once. Pure: what was told before comes in, and is kept by the
// caller, so that a restart, or another leader, knows it too.
//  - Of one budget, period and threshold there is one crossing, also where what was spent is corrected below it and
//    rises above it again.
//  - Where amount, scope, period or zone of a budget are changed, all its thresholds count anew; a threshold that is
//    taken away and given again counts anew, too.
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fleet/budgets/standing.h"

namespace tessera::fleet::budgets {

struct Crossing {
  std::string budget;  ///< id
  CostWindow period;
  Threshold threshold;
  EpochMs at = 0;      ///< when it was found
  Micros amount = 0;   ///< of the budget then
  Micros reached = 0;  ///< what was spent, or expected
  bool operator==(const Crossing&) const = default;
};

/// Whether a threshold is reached: at `percent` of the amount. One of nothing is reached by anything that is spent, and
/// not by nothing. Absent standing reaches nothing.
bool is_reached(const Threshold& threshold, Micros amount, const Standing& standing);

/// Of the budget's thresholds those that are reached and not among `told`; in their order.
std::vector<Crossing> crossings(const Budget& budget, const Standing& standing, std::span<const Crossing> told,
                                EpochMs now);

/// Whether what was told of a budget still counts where it is changed.
bool still_counts(const Crossing& crossing, const Budget& before, const Budget& after);

/// Whether a period is over for good: an hour of the next is closed.
bool is_done(const CostWindow& period, EpochMs closed_until);

/// A crossing is shown until its period is done, and an hour of the ledger behind the time at which it was found is
/// closed: so one that the last bucket brings about is seen too, and one of a period that was closed late.
bool is_in_force(const Crossing& crossing, EpochMs closed_until);

}  // namespace tessera::fleet::budgets
