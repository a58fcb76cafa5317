#include "server/serving_pods.h"

namespace tessera::server {

std::vector<std::string> pods_of_replica(const fleet::Served& of, const fleet::ClusterView& cluster) {
  constexpr const char* kGroup = "leaderworkerset.sigs.k8s.io/group-key";
  std::vector<std::string> out;
  if (of.pod.empty()) return out;
  out.push_back(of.pod);
  const fleet::ClusterPod* known = cluster.pod(of.cluster, of.space, of.pod);
  if (!known) return out;
  const auto group = known->labels.find(kGroup);
  if (group == known->labels.end()) return out;
  // Keys are sorted: those of its namespace stand together.
  for (auto at = cluster.pods.lower_bound(of.space + "/"); at != cluster.pods.end(); ++at) {
    const fleet::ClusterPod& other = *at->second;
    if (other.space != of.space) break;
    const auto its = other.labels.find(kGroup);
    if (its != other.labels.end() && its->second == group->second && other.name != of.pod) out.push_back(other.name);
  }
  return out;
}

}  // namespace tessera::server
