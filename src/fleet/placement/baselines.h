#pragma once
// The published policies that know nothing of the requests to come. Their scores are whole numbers from 0 to 100, as in
// the experiment of Weng et al., "Beware of Fragmentation" (USENIX ATC 2023), so that ties are as frequent as there.
#include <memory>

#include "fleet/placement/policy.h"

namespace tessera::fleet::placement {

/// Any node that fits, and any of its devices that does.
std::unique_ptr<Policy> make_random(std::uint64_t seed);

/// Where what is asked for and what is free point least in the same direction, in CPU and GPU of a node.
std::unique_ptr<Policy> make_dotprod();

/// Beside workloads that ask for as many devices; then an empty node, then beside others. The fuller, the better.
std::unique_ptr<Policy> make_clustering();

/// Devices that are shared already; then free ones of a node in use, then of an empty node.
std::unique_ptr<Policy> make_packing();

/// Where least CPU and GPU is left.
std::unique_ptr<Policy> make_bestfit();

// None of the published ones:

/// The first node that fits, and the first of its devices.
std::unique_ptr<Policy> make_firstfit();

/// Where most is left: the opposite of best fit.
std::unique_ptr<Policy> make_spread();

}  // namespace tessera::fleet::placement
