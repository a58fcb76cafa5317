#pragma once
// How several replicas share the targets.
#include <string_view>

#include "relay/options.h"

namespace tessera::relay {

/// Whether a target is this replica's. Among replicas that agree on who is there every target is exactly one's, and
/// when one comes or goes only the targets that it gets or had change hands (rendezvous hashing: the highest score of
/// target and replica wins). A replica counts itself as there: who has its targets meanwhile scrapes them twice rather
/// than nobody once.
bool is_ours(std::string_view target_key, const Share& share);

}  // namespace tessera::relay
