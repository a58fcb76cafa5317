#pragma once
// Quotas of namespaces against what their pods run with, as observations.
#include "fleet/alerts/evaluator.h"
#include "fleet/cluster/cluster.h"

namespace tessera::fleet::alerts {

/// Nothing is observed where the cluster is not watched, or its quotas are not; while they have not been told yet,
/// nothing ends.
void observe_quotas(const ClusterView& cluster, EpochMs now, Round& round);

}  // namespace tessera::fleet::alerts
