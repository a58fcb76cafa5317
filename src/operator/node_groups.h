#pragma once
// Inside the room: which nodes an agent belongs on. A node is in the first override whose nodeSelector fits, else in
// the rest, so no node has two agents.
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "operator/spec.h"

namespace tessera::operate {

/// The affinity of `given`, on nodes with a GPU where neither `given` nor `selector` says which nodes are meant, and on
/// no node that is in one of the groups. Null: no affinity.
nlohmann::ordered_json affinity_outside(const Raw& given, const TextMap& selector, bool gpu_nodes,
                                        std::span<const Override> groups);

}  // namespace tessera::operate
