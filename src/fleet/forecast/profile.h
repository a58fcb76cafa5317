#pragma once
// The additive profile of a week: what each hour of the week is above or below the mean of the week around it. Zeros
// and negative values are values like others.
#include <span>

#include "fleet/forecast/accuracy.h"
#include "fleet/forecast/methods.h"

namespace tessera::fleet::forecast {

struct Profile {
  Values by_phase;   ///< for the phases t % week of the history; mean 0
  Values remainder;  ///< the history without it
};

/// The hour of the day by all days, and each hour of the week by how far it is from its hour of the day; that
/// difference is drawn towards 0 as by one more week that has none, because a month has only four of each hour. A week
/// counts 0.8 of the one after it.
Profile profile_of(std::span<const double> history, const Seasons& seasons);

}  // namespace tessera::fleet::forecast
