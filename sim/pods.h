// Pods that come and go while a scenario runs: the kubelet then says what they were given.
#pragma once

#include <optional>
#include <string>

#include "sim/node.h"
#include "sim/outcome.h"

namespace tessera::sim {

// `pod` is "namespace/name". Without `gi` it is given the whole GPU. What it was given before it keeps.
Outcome<std::string> pod_comes(Node& node, const std::string& pod, unsigned gpu, std::optional<unsigned> gi);
Outcome<std::string> pod_goes(Node& node, const std::string& pod);

}  // namespace tessera::sim
