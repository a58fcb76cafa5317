#pragma once
// Fragmentation gradient descent (Weng et al., USENIX ATC 2023): a request goes where the GPU that typical requests
// could not use grows least.
#include <memory>

#include "fleet/placement/policy.h"

namespace tessera::fleet::placement {

/// How much of the room's free GPU, in milli, a typical request cannot use: all of it where it cannot run there at all
/// or wants no GPU, else what is free on devices that have too little for it. The mean over `typical`, whose shares
/// add up to 1.
double fragmented_milli(const Room& room, const Mix& typical);

/// Typical are the most frequent requests that are 95 % of the mix. Scores are whole numbers from 0 to 100.
std::unique_ptr<Policy> make_fgd(const Mix& mix);

}  // namespace tessera::fleet::placement
