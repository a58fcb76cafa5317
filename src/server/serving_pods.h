#pragma once
// Which pods serve a model together.
#include <string>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "fleet/serving/serving.h"

namespace tessera::server {

/// Names, in the engine's namespace. The pod itself first; then those of its group, of which only the leader answers:
/// of a LeaderWorkerSet's, of a RayCluster whose head it is, and of an InferenceService on several nodes. None for an
/// engine outside of Kubernetes.
std::vector<std::string> pods_of_replica(const fleet::Served& of, const fleet::ClusterView& cluster);

}  // namespace tessera::server
