#pragma once
// The cluster as its lists and watches tell it, change by change. One writer at a time. Pure: time comes in with the
// changes.
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "fleet/cluster/cluster.h"

namespace tessera::fleet {

enum class ClusterList : std::uint8_t { Nodes, Namespaces, Pods, Quotas };
inline constexpr std::size_t kClusterLists = 4;
/// Whether a cluster is not known without it. Rights that were given before quotas were watched lack those.
constexpr bool is_needed(ClusterList list) { return list != ClusterList::Quotas; }

class ClusterState {
 public:
  /// Nodes that have left are remembered, but not more than this.
  static constexpr std::size_t kMostGone = 10'000;

  ClusterState(std::string cluster, std::vector<std::string> team_labels);

  void put(ClusterNode node);
  void put(ClusterNamespace space);
  void put(ClusterPod pod);
  void put(ClusterQuota quota);
  void drop_node(const std::string& name, EpochMs now);
  void drop_namespace(const std::string& name);
  void drop_pod(const std::string& key);
  void drop_quota(const std::string& key);
  bool has_pod(const std::string& key) const { return view_.pods.contains(key); }

  /// Of the time before: a node that was there, or had left by then. Those that were there and are not in the first
  /// list have left.
  void remember(const std::string& node, std::optional<EpochMs> gone);

  /// The list is complete: from here on, what is not there is not.
  void complete(ClusterList list, EpochMs now);

  /// Null: there is no metrics.k8s.io.
  void use(std::shared_ptr<const ResourceUses> nodes, std::shared_ptr<const ResourceUses> pods);

  /// The same as before where nothing has changed.
  std::shared_ptr<const ClusterView> view();

 private:
  void note_gone(const std::string& name, EpochMs now);

  ClusterView view_;
  std::array<bool, kClusterLists> complete_{};
  std::set<std::string> before_;  ///< remembered nodes that were there
  std::shared_ptr<const ClusterView> published_;
};

}  // namespace tessera::fleet
