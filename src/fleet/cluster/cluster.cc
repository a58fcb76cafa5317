#include "fleet/cluster/cluster.h"

#include <fmt/format.h>

#include "base/text.h"

namespace tessera::fleet {
namespace {
constexpr std::int64_t kMostReplicas = 10'000;
}  // namespace

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

std::optional<unsigned> gpu_replicas(const ClusterNode& node) {
  const auto found = node.labels.find("nvidia.com/gpu.replicas");
  const auto told = found == node.labels.end() ? std::nullopt : parse_int(found->second);
  if (!told || *told <= 1 || *told > kMostReplicas) return std::nullopt;
  return static_cast<unsigned>(*told);
}

}  // namespace tessera::fleet
