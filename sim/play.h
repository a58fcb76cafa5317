// The player: keeps /proc, /sys, pod logs and the kubelet's socket of a simulated node in step with its scenario, and
// starts the children that the scenario wants spawned.
#pragma once

#include <string>

#include "sim/node.h"
#include "sim/outcome.h"

namespace tessera::sim {

// Plays below `root` until SIGTERM or SIGINT. Prints one line, the agent's flags, once everything is in place.
Outcome<int> play(Node& node, const std::string& root, const std::string& library);

}  // namespace tessera::sim
