#include "fleet/serving/serving_pods.h"

#include <algorithm>

namespace tessera::fleet {
namespace {

/// How pods that serve together are labelled.
struct Grouping {
  const char* group;         ///< the label whose value they share
  const char* role;          ///< the label that tells who answers for all; null: whoever does
  const char* leads = "";    ///< its value there
  const char* follows = "";  ///< not empty: who leads has any value, and the others the same with this behind it
};
constexpr Grouping kGroupings[] = {
    {"leaderworkerset.sigs.k8s.io/group-key", nullptr},
    {"ray.io/cluster", "ray.io/node-type", "head"},  // workers may be engines of their own
    // Of several nodes: a Deployment for the head and one for its workers. Other replicas of it are each their own.
    {"serving.kserve.io/inferenceservice", "app", "", "-worker"}};

const std::string* value_of(const LabelMap& labels, const char* name) {
  const auto found = labels.find(name);
  return found == labels.end() ? nullptr : &found->second;
}

bool answers_for_all(const LabelMap& labels, const Grouping& by) {
  if (!value_of(labels, by.group)) return false;
  const std::string* role = by.role ? value_of(labels, by.role) : nullptr;
  return !by.role || (role && (*by.follows != 0 ? !role->ends_with(by.follows) : *role == by.leads));
}

/// `leader` answers for all.
bool answers_for(const LabelMap& leader, const LabelMap& other, const Grouping& by) {
  const std::string* group = value_of(other, by.group);
  if (!group || *group != *value_of(leader, by.group)) return false;
  if (*by.follows == 0) return true;
  const std::string* role = value_of(other, by.role);
  return role && *role == *value_of(leader, by.role) + by.follows;
}

}  // namespace

std::vector<std::string> pods_of_replica(std::string_view of_cluster, std::string_view space, const std::string& pod,
                                         const ClusterView& cluster) {
  std::vector<std::string> out = {pod};
  const ClusterPod* known = cluster.pod(of_cluster, space, pod);
  if (!known) return out;
  const auto* by =
      std::ranges::find_if(kGroupings, [&](const Grouping& one) { return answers_for_all(known->labels, one); });
  if (by == std::end(kGroupings)) return out;
  // Keys are sorted: those of its namespace stand together.
  for (auto at = cluster.pods.lower_bound(known->space + "/"); at != cluster.pods.end(); ++at) {
    const ClusterPod& other = *at->second;
    if (other.space != space) break;
    if (other.name != pod && answers_for(known->labels, other.labels, *by)) out.push_back(other.name);
  }
  return out;
}

std::vector<std::string> pods_of_replica(const Served& of, const ClusterView& cluster) {
  return of.pod.empty() ? std::vector<std::string>() : pods_of_replica(of.cluster, of.space, of.pod, cluster);
}

bool is_engine_title(std::string_view command) {
  return command.starts_with("VLLM::") || command.starts_with("sglang::");
}

bool is_engine(const EngineArguments& said) { return said.tensor || said.pipeline || said.data; }

}  // namespace tessera::fleet
