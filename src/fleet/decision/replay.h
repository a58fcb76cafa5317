#pragma once
// A decision that can be made again: with it is kept what it was made on, as far as that decides. Of the fleet that is
// the devices that were given and those that came next, where the same is decided on these alone; else all devices of
// their nodes; else all that could be looked at. Each is tried before it is kept, so what is kept is enough.
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "fleet/decision/decide.h"

namespace tessera::fleet::decision {

/// Of a larger fleet on which less is not enough nothing is kept.
inline constexpr std::size_t kMostKept = 128;

/// What a decision was made on.
struct Scene {
  Supply supply{};  ///< in the order of the fleet's
  Need need{};
  std::string policy{};  ///< of policy_names()
  Mix mix{};             ///< what was expected to come
  /// Nodes on which nothing was to be placed for it, by cluster and name.
  std::set<std::pair<std::string, std::string>> closed{};
};

/// Of a decision that was made of the others. Absent where it takes more than `most` devices; of a fleet with more than
/// those no more is looked at than the nodes of what the decision names.
std::optional<Scene> scene_of(const Supply& supply, const Need& need, Policy& policy, const Scope& scope,
                              const Decision& decision, std::size_t most = kMostKept);

/// NotFound where there is no such policy (any longer). Positions in it are those of the scene, and what could be done
/// is not counted: that is of what is kept, and not of the fleet.
Result<Verdict> replay(const Scene& scene);

/// Whether the same is given by both: the same places of the same devices, at the same price.
bool gives_the_same(const Decision& a, const Decision& b);

}  // namespace tessera::fleet::decision
