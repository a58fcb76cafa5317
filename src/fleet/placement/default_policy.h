#pragma once
// Tessera's own policy: a request goes where it costs least. Its cost on a node is
// the GPU that samples of the requests to come would have filled there and now cannot (streams.h), which counts what is
// left over in pieces as well as GPU that has no CPU beside it any more; and the price of scarce room that it uses up
// (scarcity.h): of models that others need, of whole devices side by side.
// Both are milli of GPU, so that a person can add them up.
#include <memory>

#include "fleet/placement/policy.h"

namespace tessera::fleet::placement {

/// `nodes` as they are when empty, with their shapes numbered. Without a mix it is learned from the requests that
/// arrive. `leaving`: workloads leave; else it is known from the first one that does.
std::unique_ptr<Policy> make_default(const Mix& mix, const std::vector<Room>& nodes, bool leaving = false);

}  // namespace tessera::fleet::placement
