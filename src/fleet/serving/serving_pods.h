#pragma once
// Which pods serve a model together.
#include <string>
#include <string_view>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet {

/// Names, in the pod's namespace, of those that serve with it. The pod itself first; then those of its group, of which
/// only the leader answers: of a LeaderWorkerSet's, of a RayCluster whose head it is, and of an InferenceService on
/// several nodes.
std::vector<std::string> pods_of_replica(std::string_view of_cluster, std::string_view space, const std::string& pod,
                                         const ClusterView& cluster);
/// Of an engine: none for one outside of Kubernetes.
std::vector<std::string> pods_of_replica(const Served& of, const ClusterView& cluster);

/// As vLLM and SGLang title the processes that hold the GPU: the kernel has 15 letters of it.
bool is_engine_title(std::string_view command);
/// Only an engine's command line says over how many GPUs a model is spread.
bool is_engine(const EngineArguments& said);

}  // namespace tessera::fleet
