#pragma once
// The cluster that the server runs in, by its API: nodes, namespaces, pods and quotas by list and watch, CPU and memory
// in use by metrics.k8s.io where there is one. A finished view is published whenever something has changed, at most
// once a second. That the API is silent changes nothing: only a list or a watch that shows an object gone takes it
// away.
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "fleet/cluster/cluster_state.h"
#include "fleet/inventory/fleet.h"
#include "kube/watch.h"

namespace tessera::server {

struct ClusterWatchOptions {
  std::string cluster = "default";  ///< which of the fleet's clusters it is
  std::vector<std::string> team_labels;
  std::map<std::string, std::optional<EpochMs>> known_nodes{};  ///< of the last run: when it had left, if it had
  Milliseconds publish_every{1'000};
  Milliseconds use_every{30'000};    ///< metrics.k8s.io has no watch
  Milliseconds look_again{300'000};  ///< for metrics.k8s.io where there is none
};

struct ClusterListStats {
  std::string_view resource;  ///< "nodes"
  kube::WatchStats watch;
  std::optional<EpochMs> as_of{};  ///< until when what is known of it is complete; absent: it was never watched yet
};

/// What came of asking metrics.k8s.io.
struct ClusterUseStats {
  std::optional<bool> works{};        ///< absent: not asked yet
  std::optional<EpochMs> answered{};  ///< the last time
  std::string why{};                  ///< it does not work
};

struct ClusterWatchStats {
  std::string cluster;
  std::vector<ClusterListStats> lists;
  ClusterUseStats use;
};

/// Thread-safe.
class ClusterWatch {
 public:
  /// `holders` says which pods hold or use devices, as "namespace/name": those are kept though they may ask for none.
  ClusterWatch(kube::ApiServer server, ClusterWatchOptions options, Latest<fleet::ClusterView>& view,
               std::function<std::vector<std::string>()> holders);
  ~ClusterWatch();
  ClusterWatch(const ClusterWatch&) = delete;
  ClusterWatch& operator=(const ClusterWatch&) = delete;

  ClusterWatchStats stats() const;

 private:
  void take(fleet::ClusterList list, const kube::Event& event);
  void take_pod(const kube::Event& event);
  void take_quota(const kube::Event& event);
  void run(const std::stop_token& stop);
  void publish();
  void note_watched();
  void ask_use(kube::Api& api);
  void look_up_holders(kube::Api& api);

  const kube::ApiServer server_;
  const ClusterWatchOptions options_;
  Latest<fleet::ClusterView>& view_;
  const std::function<std::vector<std::string>()> holders_;
  mutable std::mutex mutex_;
  fleet::ClusterState state_;     // guarded by mutex_
  std::set<std::string> wanted_;  // guarded by mutex_; pods that hold a device and ask for none
  ClusterUseStats use_;           // guarded by mutex_
  std::array<std::optional<EpochMs>, fleet::kClusterLists> as_of_{};  // guarded by mutex_
  SteadyTime ask_use_at_{};                                           ///< the thread's own
  std::array<std::unique_ptr<kube::Watch>, fleet::kClusterLists> watches_;
  std::jthread thread_;  ///< last: it ends before the rest goes
};

/// Pods that hold or use a device of this cluster, as "namespace/name".
std::vector<std::string> holders_in(const fleet::View& view, std::string_view cluster);

}  // namespace tessera::server
