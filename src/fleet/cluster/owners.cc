#include "fleet/cluster/owners.h"

namespace tessera::fleet {
namespace {

std::string_view team_by(const LabelMap& labels, const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    if (const auto found = labels.find(key); found != labels.end() && !found->second.empty()) return found->second;
  return {};
}

std::string_view team_by(const ClusterView& view, const ClusterNamespace& space) {
  const std::string_view by_label = team_by(space.labels, view.team_labels);
  return by_label.empty() ? team_by(space.annotations, view.team_labels) : by_label;
}

}  // namespace

const std::vector<std::string>& default_team_labels() {
  static const std::vector<std::string> kLabels = {"team", "app.kubernetes.io/part-of"};
  return kLabels;
}

std::string_view team_of_namespace(const ClusterView& view, std::string_view cluster, std::string_view space) {
  if (!view.watched || cluster != view.cluster) return {};
  const auto found = view.namespaces.find(space);
  return found == view.namespaces.end() ? std::string_view{} : team_by(view, *found->second);
}

std::string_view team_of(const ClusterView& view, std::string_view cluster, std::string_view space,
                         std::string_view pod) {
  if (!pod.empty())
    if (const ClusterPod* of = view.pod(cluster, space, pod))
      if (const std::string_view own = team_by(of->labels, view.team_labels); !own.empty()) return own;
  return team_of_namespace(view, cluster, space);
}

std::set<std::string> namespaces_of_team(const ClusterView& view, std::string_view team) {
  std::set<std::string> out;
  if (team.empty()) return out;
  for (const auto& [name, space] : view.namespaces)
    if (team_by(view, *space) == team) out.insert(name);
  return out;
}

}  // namespace tessera::fleet
