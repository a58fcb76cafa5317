#pragma once
// The leader's thread that has devices cut in the cluster that the server runs in: the node is cordoned, its agent (or
// NVIDIA's mig-manager) cuts, the device plugin lists anew, the node is uncordoned. What it knows stands in the cluster
// and in the database, so that whoever leads next goes on. docs/mig-layout.md has the order and its limits.
#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/latest.h"
#include "server/access/changes.h"
#include "server/events.h"
#include "server/keeper.h"
#include "server/node_changes/cluster.h"
#include "server/node_changes/sight.h"
#include "server/wanted_layouts.h"

namespace tessera::server {

struct NodeChangeStats {
  std::map<std::string, std::uint64_t> nodes{};  ///< by state, those that have one
  std::map<std::string, std::uint64_t> acts{};   ///< by name: "cordon"
  std::uint64_t failures = 0;                    ///< calls that the API server refused or did not answer
};
/// All that there are, so that a page has each of them from the start.
inline constexpr std::array<std::string_view, 6> kNodeStates = {"waiting", "changing", "listing",
                                                                "stopped", "stuck",    "dry-run"};
inline constexpr std::array<std::string_view, 7> kNodeActs = {"cordon", "uncordon",  "restart-plugin", "list",
                                                              "stop",   "configure", "label"};

struct NodeChangeOptions {
  nodes::Rules rules;
  std::function<bool()> may_write = [] { return true; };  ///< asked before each write
  Milliseconds look_every{2'000};                         ///< 0: look() alone looks
};

/// Thread-safe. What is given outlives it.
class NodeChanges {
 public:
  /// `cluster_name`: of the fleet's clusters the one that `server` is of and `cluster` shows.
  NodeChanges(kube::ApiServer server, std::string cluster_name, const Latest<Published>& fleet,
              const Latest<fleet::ClusterView>& cluster, Changes& changes, WantedLayouts& layouts, Events& events,
              std::function<bool()> started, NodeChangeOptions options);
  ~NodeChanges();
  NodeChanges(const NodeChanges&) = delete;
  NodeChanges& operator=(const NodeChanges&) = delete;

  NodeChangeStats stats() const;
  /// One round of the thread; for tests, too.
  void look(const std::stop_token& stop = {});

 private:
  using Wanted = std::map<std::string, std::vector<store::WantedLayout>>;  ///< by node
  struct Round;

  Result<void> go_round(const std::stop_token& stop);
  Result<void> fetch(Round& round);
  Result<void> spread_config(Round& round);
  Result<void> see_to(Round& round, const std::string& node);
  Result<bool> carry_out(Round& round, const nodes::SeenNode& seen, const nodes::Verdict& verdict,
                         const std::vector<nodes::PluginPod>& plugins);
  Result<bool> write(Round& round, const nodes::SeenNode& seen, const std::optional<nodes::Progress>& change);
  Result<bool> restart(Round& round, const nodes::SeenNode& seen, const std::vector<nodes::PluginPod>& plugins);
  nodes::Around around(const Round& round, const std::string& node) const;
  bool is_written(const std::string& entry) const;
  void tell(const std::string& node, const nodes::Verdict& verdict);
  void tell_uncut(const Round& round);
  void tell_trouble(const std::string& why);
  void note(std::string_view act, const std::string& node, const std::string& why);
  void stay_away(const Error& error);

  const std::string cluster_name_;
  const Latest<Published>& fleet_;
  const Latest<fleet::ClusterView>& cluster_;
  Changes& changes_;
  WantedLayouts& layouts_;
  Events& events_;
  const std::function<bool()> started_;
  const NodeChangeOptions options_;
  const SteadyTime began_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;
  NodeChangeStats stats_;  // guarded by mutex_
  // Below: the thread's own.
  nodes::Cluster api_;
  bool listed_ = false;                          ///< which nodes have an annotation has been asked once
  std::set<std::string> under_way_;              ///< nodes that have one, or may have
  std::map<std::string, std::string> states_;    ///< that were told, by node
  std::map<std::string, SteadyTime> config_at_;  ///< entries of mig-manager's file, since when they were seen there
  unsigned failed_ = 0;                          ///< rounds, one after another
  SteadyTime not_before_{};
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace tessera::server
