#pragma once
#include <string>

namespace tessera::agent {

/// The agent's part of docs/metrics.md: every metric with type, unit, labels and source, from the same tables that the
/// page is written from.
std::string metrics_reference();

}  // namespace tessera::agent
