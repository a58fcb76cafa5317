#pragma once
// What devices have cost at each time, and how what is asked for now changes it: never the past, unless a rate says
// from when on it holds.
#include <vector>

#include "fleet/cost/rates.h"

namespace tessera::fleet {

/// Invalid for a rate that has an end and no begin, and for what RateBook refuses: dated ones and the others apart, for
/// a dated one goes before one that is not.
Result<void> check_wanted_rates(const std::vector<Rate>& wanted);

/// `known` are the rates of all times so far, as this function returned them; empty: none were known yet, and those
/// that have no begin hold for all of the past too. Else such a rate holds from `now` on, and one that is not wanted
/// any longer until `now`. Rates with a begin hold for their time, whenever that is. Made of the same again, it comes
/// to the same. RateBook takes them: no two of the same devices hold at one time.
std::vector<Rate> repriced(const std::vector<Rate>& known, const std::vector<Rate>& wanted, EpochMs now);

struct TimeSpan {
  EpochMs from = 0;
  EpochMs to = 0;
  bool operator==(const TimeSpan&) const = default;
};
/// When anything costs otherwise by `after` than by `before`, in order and apart.
std::vector<TimeSpan> times_repriced(const std::vector<Rate>& before, const std::vector<Rate>& after);

}  // namespace tessera::fleet
