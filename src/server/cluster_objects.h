#pragma once
// Nodes, namespaces, pods and quotas as the API server writes them, read into what the fleet keeps of them. Pure, and
// defined on any bytes: what is absent or not as the API promises is absent. Nothing is built of the rest of an object,
// and values of environment variables are never read.
#include <string_view>

#include "fleet/cluster/cluster.h"

namespace tessera::server {

fleet::ClusterNode read_node(std::string_view json);
fleet::ClusterNamespace read_namespace(std::string_view json);
fleet::ClusterPod read_pod(std::string_view json);
/// What it says of GPUs, by the name of the resource alone: "requests.nvidia.com/gpu" is "nvidia.com/gpu".
fleet::ClusterQuota read_quota(std::string_view json);

/// Whether a pod is over: it holds nothing any more, whatever it asked for.
bool is_over(std::string_view phase);

/// The items of a NodeMetricsList, by name, or of a PodMetricsList, by "namespace/name", its containers summed; of the
/// pods only those that `wanted` has.
fleet::ResourceUses read_node_use(std::string_view list);
fleet::ResourceUses read_pod_use(std::string_view list, const fleet::ClusterView& wanted);

}  // namespace tessera::server
