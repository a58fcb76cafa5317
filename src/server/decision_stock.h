#pragma once
// The fleet as decisions see it, kept from one decision to the next: what has changed since the last one is looked at
// again, and nothing else. It is what supply_of() makes of the same ground.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fleet/decision/stock.h"
#include "server/allocation_choice.h"
#include "server/beside_devices.h"
#include "server/movers.h"

namespace tessera::server {

/// Cluster, and the UUID of a device or the name of a node.
using InCluster = std::pair<std::string, std::string>;

/// What a ground is made of beside its view, and what of it has changed without being seen by itself.
struct Surroundings {
  std::shared_ptr<const fleet::ClusterView> cluster;                   ///< never null
  std::map<InCluster, std::string> kept_from{};                        ///< devices on which nothing is promised now
  std::shared_ptr<const std::map<InCluster, std::string>> excluded{};  ///< likewise, by alerts; may be null
  std::optional<std::vector<InCluster>> nodes{};  ///< on which what is wanted is otherwise; absent: maybe on all
  std::set<InCluster> devices{};                  ///< of which more or less is promised
  std::set<PodName> turned{};                     ///< pods whose allocation is otherwise
  bool all = false;                               ///< any of them may be
};

/// Whose it is as long as he holds its lock; so one who does not want to wait tries to.
class DecisionStock {
 public:
  /// AsIfFree: as nobody had anything of any device, see emptied().
  enum class Seen : std::uint8_t { AsItIs, AsIfFree };
  /// `policy`: of decision::policy_names().
  explicit DecisionStock(std::string policy, Seen seen = Seen::AsItIs)
      : policy_name_(policy), seen_(seen), ways_(std::move(policy)) {}

  std::mutex& in_use() { return mutex_; }

  // Below: who holds the lock.

  /// Brings it up to date. `now` was asked for before the ground's view and book were. Another mix makes another
  /// policy.
  void follow(const Ground& ground, std::shared_ptr<const fleet::decision::Mix> mix, Surroundings now);
  fleet::decision::Stock& stock() { return *stock_; }
  /// What a need's pod asks for beside its devices is promised on a node from now on. follow() sets what is left there
  /// anew, be the promise there or not.
  void take_beside(const std::string& cluster, const std::string& node, const fleet::decision::Need& need);
  /// By its name: the server's own where it is empty, else made of the same mix. The two that were asked for last are
  /// kept.
  fleet::decision::Policy& policy(const std::string& name = {});
  const std::shared_ptr<const fleet::decision::Mix>& mix() const { return mix_; }
  /// Of a wish that was refused; see Ways. Who has been promised something since the stock was brought up to date is
  /// not moved yet.
  std::optional<fleet::decision::Way> way_in(const AllocationWish& wish, const fleet::AllocationBook& book) {
    return ways_.in(*stock_, wish, mix_, book, before_.cluster);
  }

 private:
  struct NodeSeen {
    std::shared_ptr<const fleet::Node> node;
    std::uint32_t first = 0, count = 0;  ///< candidates
  };

  fleet::decision::Candidate seen(const Ground& ground, const fleet::Node& node, const fleet::Device& device) const;
  void rebuild(const Ground& ground);
  /// False where its devices are not those that it had.
  bool look_at(const Ground& ground, NodeSeen& of);
  bool look_at_what_changed(const Ground& ground, const Surroundings& now);
  std::set<std::uint32_t> touched_nodes(const Surroundings& now) const;
  void look_beside(const Ground& ground, const Surroundings& now);

  const std::string policy_name_;
  const Seen seen_;
  std::mutex mutex_;
  std::unique_ptr<fleet::decision::Stock> stock_;
  std::unique_ptr<fleet::decision::Policy> policy_;
  std::vector<std::unique_ptr<fleet::decision::Policy>> others_;  ///< the last one is the one that was asked for last
  std::shared_ptr<const fleet::decision::Mix> mix_;
  Ways ways_;
  Surroundings before_{};
  BesideDevices beside_;                                         ///< of before_.cluster
  std::map<std::string, AskedBeside> promised_;                  ///< of its nodes, what is promised
  std::vector<NodeSeen> nodes_;                                  ///< as the view has them
  std::map<InCluster, std::uint32_t> node_at_;                   ///< by cluster and name
  std::unordered_multimap<std::string, std::uint32_t> node_of_;  ///< by the device's UUID
};

}  // namespace tessera::server
