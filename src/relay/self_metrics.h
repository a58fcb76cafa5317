#pragma once
#include "base/footprint.h"
#include "metrics/page.h"
#include "relay/overview.h"

namespace tessera::relay {

/// The relay's page about itself; catalog.h has every family. Counts of destinations and fallbacks begin anew with a
/// changed configuration, as at a start.
metrics::Page self_metrics(const Overview& seen, const Footprint& process);

}  // namespace tessera::relay
