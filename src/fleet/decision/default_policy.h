#pragma once
// The two policies that know what is expected to come. Our own: a place costs what the room that it takes is worth, in
// money. And the published one, for instances: a place costs what of the free slices typical requests cannot use after
// it, and could before.
#include "fleet/decision/policy.h"

namespace tessera::fleet::decision {

std::unique_ptr<Policy> default_policy(Mix mix);

/// After Weng et al., "Beware of Fragmentation" (USENIX ATC 2023), with memory slices in the place of milli of a GPU.
std::unique_ptr<Policy> fragmentation_gradient(Mix mix);

}  // namespace tessera::fleet::decision
