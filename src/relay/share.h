#pragma once
// How several replicas share the targets.
#include <string_view>

#include "relay/options.h"

namespace tessera::relay {

/// Whether a target is this replica's. Every target is exactly one's, and when a replica is added or taken away only
/// the targets that it gets or had change hands (rendezvous hashing: the highest score of target and replica wins).
bool is_ours(std::string_view target_key, const Share& share);

}  // namespace tessera::relay
