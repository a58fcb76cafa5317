#pragma once
#include <string>

#include "agent/observation.h"

namespace tessera::agent {

/// The observation as one JSON object: camelCase keys, absent values left out, times RFC 3339 in UTC, readings under
/// their DCGM names and in DCGM's units.
std::string snapshot_json(const Observation& seen);

}  // namespace tessera::agent
