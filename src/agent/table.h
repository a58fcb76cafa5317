#pragma once
#include <string>

#include "agent/observation.h"

namespace tessera::agent {

/// The human view: devices with their instances, then processes with pod, memory and utilization. Absent is "–".
std::string table(const Observation& seen, const std::string& node_name);

}  // namespace tessera::agent
