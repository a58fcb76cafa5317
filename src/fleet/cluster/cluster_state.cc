#include "fleet/cluster/cluster_state.h"

#include <algorithm>
#include <utility>

namespace tessera::fleet {
namespace {

/// Whether anything changed.
template <class T>
bool put_into(ClusterView::ByName<T>& all, std::string key, T value) {
  auto& known = all[std::move(key)];
  if (known && *known == value) return false;
  known = std::make_shared<const T>(std::move(value));
  return true;
}

}  // namespace

ClusterState::ClusterState(std::string cluster, std::vector<std::string> team_labels) {
  view_.watched = true;
  view_.cluster = std::move(cluster);
  view_.team_labels = std::move(team_labels);
}

void ClusterState::put(ClusterNode node) {
  std::string name = node.name;
  const bool was_gone = view_.gone.erase(name) > 0;
  if (put_into(view_.nodes, std::move(name), std::move(node)) || was_gone) published_.reset();
}

void ClusterState::put(ClusterNamespace space) {
  std::string name = space.name;
  if (put_into(view_.namespaces, std::move(name), std::move(space))) published_.reset();
}

void ClusterState::put(ClusterPod pod) {
  std::string key = pod_key(pod.space, pod.name);
  if (put_into(view_.pods, std::move(key), std::move(pod))) published_.reset();
}

void ClusterState::put(ClusterQuota quota) {
  std::string key = pod_key(quota.space, quota.name);
  if (put_into(view_.quotas, std::move(key), std::move(quota))) published_.reset();
}

void ClusterState::drop_node(const std::string& name, EpochMs now) {
  if (view_.nodes.erase(name) > 0) note_gone(name, now);
}

void ClusterState::remember(const std::string& node, std::optional<EpochMs> gone) {
  if (view_.nodes.contains(node)) return;
  if (gone)
    note_gone(node, *gone);
  else
    before_.insert(node);
}

void ClusterState::note_gone(const std::string& name, EpochMs now) {
  if (view_.gone.size() >= kMostGone)
    view_.gone.erase(std::ranges::min_element(view_.gone, {}, &std::pair<const std::string, EpochMs>::second));
  view_.gone[name] = now;
  published_.reset();
}

void ClusterState::drop_namespace(const std::string& name) {
  if (view_.namespaces.erase(name) > 0) published_.reset();
}

void ClusterState::drop_pod(const std::string& key) {
  if (view_.pods.erase(key) > 0) published_.reset();
}

void ClusterState::drop_quota(const std::string& key) {
  if (view_.quotas.erase(key) > 0) published_.reset();
}

void ClusterState::complete(ClusterList list, EpochMs now) {
  if (std::exchange(complete_[static_cast<std::size_t>(list)], true)) return;
  if (list == ClusterList::Nodes)
    for (const std::string& name : std::exchange(before_, {}))
      if (!view_.nodes.contains(name)) note_gone(name, now);
  view_.synced = true;
  for (std::size_t i = 0; i < kClusterLists; ++i)
    view_.synced = view_.synced && (complete_[i] || !is_needed(static_cast<ClusterList>(i)));
  view_.quotas_synced = complete_[static_cast<std::size_t>(ClusterList::Quotas)];
  published_.reset();
}

void ClusterState::use(std::shared_ptr<const ResourceUses> nodes, std::shared_ptr<const ResourceUses> pods) {
  view_.node_use = std::move(nodes);
  view_.pod_use = std::move(pods);
  published_.reset();
}

std::shared_ptr<const ClusterView> ClusterState::view() {
  if (!published_) published_ = std::make_shared<const ClusterView>(view_);
  return published_;
}

}  // namespace tessera::fleet
