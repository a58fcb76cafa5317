#include "fleet/cluster/cluster.h"

#include <fmt/format.h>

namespace tessera::fleet {

const ClusterNode* ClusterView::node(std::string_view of_cluster, std::string_view name) const {
  if (!watched || of_cluster != cluster) return nullptr;
  const auto found = nodes.find(name);
  return found == nodes.end() ? nullptr : found->second.get();
}

const ClusterPod* ClusterView::pod(std::string_view of_cluster, std::string_view space, std::string_view name) const {
  if (!watched || of_cluster != cluster) return nullptr;
  const auto found = pods.find(pod_key(space, name));
  return found == pods.end() ? nullptr : found->second.get();
}

std::string pod_key(std::string_view space, std::string_view name) { return fmt::format("{}/{}", space, name); }

bool is_gpu_resource(std::string_view name) {
  return name == "nvidia.com/gpu" || name == "nvidia.com/gpu.shared" || name.starts_with("nvidia.com/mig-");
}

}  // namespace tessera::fleet
