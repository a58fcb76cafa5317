#pragma once
// Whether a DaemonSet's pod comes to a node, as the scheduler and the DaemonSet controller decide it. Pure.
#include <string>

#include "cli/cells.h"

namespace tessera::cli {

/// A taint that nothing in the pod tolerates, "nvidia.com/gpu=present:NoSchedule"; empty: none.
std::string untolerated_taint(const JsonValue& pod_spec, const JsonValue& node);

/// What of the pod's nodeSelector or affinity the node does not meet, in words; empty: it meets all.
std::string unmet_selector(const JsonValue& pod_spec, const JsonValue& node);

}  // namespace tessera::cli
