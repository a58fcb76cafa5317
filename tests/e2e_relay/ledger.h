#pragma once
// Whether a receiver holds exactly what the counting targets served.
#include <string>
#include <vector>

#include "tests/e2e_relay/receiver.h"
#include "tests/e2e_relay/target.h"

namespace tessera::e2e {

/// When the relay was killed or began anew: pages served in this time may be missing.
struct Gap {
  EpochMs from, to;
};

/// The relay's clock never runs back, and so may be ahead of the wall's for a moment.
inline constexpr EpochMs kUsuallyAhead = 100;

/// What differs, in words, at most ten; empty: every page served is there once, in order, under increasing times not
/// later than it was served (but for `ahead` milliseconds). A page may be missing only where `up` says that its scrape
/// failed (a busy machine), or in a gap.
std::vector<std::string> differences(const CountingTargets& targets, Receiver& receiver, const std::string& job,
                                     const std::vector<Gap>& gaps = {}, EpochMs ahead = kUsuallyAhead);

/// Waits until there is no difference; what differs at the end of patience.
std::vector<std::string> lasting_differences(const CountingTargets& targets, Receiver& receiver, const std::string& job,
                                             const std::vector<Gap>& gaps = {}, EpochMs ahead = kUsuallyAhead);

}  // namespace tessera::e2e
