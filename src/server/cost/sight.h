#pragma once
// What costs are worked out by beside usage: where nodes belong, whose pods are, into how many replicas a device is
// shared. What has gone or changed since is remembered, for it is reckoned a while after it was there.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "fleet/cost/facts.h"
#include "fleet/cost/owner_rules.h"
#include "fleet/inventory/fleet.h"
#include "server/cost/memory.h"
#include "server/cost/settings.h"
#include "server/cost/timeline.h"
#include "store/cost_bucket.h"

namespace tessera::server {

/// By the settings' rows, else by the node's labels (null: they are not known): pool labels, and how the clouds mark
/// what is spot.
store::CostRules::Place place_of(const CostSettings& settings, std::string_view cluster, std::string_view node,
                                 const fleet::LabelMap* labels);

/// The label of a node that says how it was bought; absent where none does.
struct PurchaseSaid {
  fleet::Purchase purchase = fleet::Purchase::OnDemand;
  std::string label, value;
};
std::optional<PurchaseSaid> purchase_said(const fleet::LabelMap& labels);

/// Not thread-safe; what it hands out refers to it.
class CostSight {
 public:
  /// `kept`: what was seen before, as the database has it.
  CostSight(const CostSettings& settings, fleet::OwnerRules rules, const CostMemory& kept);

  /// Of a cluster whose lists are not complete yet nothing is taken: what lacks there is not gone.
  void look(const fleet::View& view, std::shared_ptr<const fleet::ClusterView> cluster, EpochMs now);

  /// What is otherwise than the database has it, and pods that were written there long ago; then that it is there.
  CostMemory unkept(EpochMs now) const;
  void kept(EpochMs now);
  /// Pods, and what they held, that were seen last before `time`.
  void forget_before(EpochMs time);

  /// See store::CostRules.
  bool name(fleet::CostOwner& owner) const;
  std::int64_t replicas_of(const store::CostPart& part, EpochMs time) const;
  std::int64_t replicas_held(const store::CostHolder& holder) const;
  store::CostRules rules(const fleet::RateBook& rates) const;

 private:
  struct Pod {
    std::shared_ptr<const fleet::ClusterPod> seen;         ///< null: only the database has it
    std::shared_ptr<const fleet::ClusterNamespace> space;  ///< its labels name owners too
    fleet::CostOwner owner;
    EpochMs last_seen = 0;
    EpochMs kept_at = 0;  ///< 0: it is not in the database as it is
  };
  /// Replicas that a pod holds.
  struct Held {
    std::int64_t replicas = 1;
    EpochMs last_seen = 0;  ///< 0: only the database has it
    EpochMs kept_at = 0;    ///< 0: it is not in the database as it is
    bool is_unkept(EpochMs now) const;
  };
  using PodName = std::tuple<std::string, std::string, std::string>;  ///< cluster, namespace, name
  using PodKey = std::pair<PodName, std::string>;                     ///< and its uid: names come back

  Pod& pod_at(PodKey key);
  /// Null where it is not known. Usage that has no uid is of the pod that had the name last.
  const fleet::CostOwner* pod_of(const fleet::CostOwner& owner) const;
  void look_at_pods(EpochMs now);
  void look_at_place(const fleet::Node& node, EpochMs now);
  void look_at_shares(const fleet::Node& node, const fleet::Device& device, EpochMs now);
  std::int64_t replicas_made(const fleet::Node& node, const fleet::Device& device, const fleet::Part& part) const;
  void note_held(const store::CostHolder& holder, std::int64_t replicas, EpochMs now);
  fleet::OwnerFound found(std::string_view cluster, std::string_view space, const fleet::LabelMap* pod) const;

  const CostSettings& settings_;
  const fleet::OwnerRules rules_;
  std::shared_ptr<const fleet::ClusterView> cluster_ = std::make_shared<const fleet::ClusterView>();
  std::map<PodKey, Pod> pods_;
  std::map<PodName, std::string> newest_;  ///< uid of the pod that had the name last
  std::map<std::pair<std::string, std::string>, Timeline<store::CostRules::Place>> places_;  ///< by cluster and node
  std::map<store::CostPart, Timeline<std::int64_t>> shared_;                                 ///< 1: not shared
  std::map<store::CostHolder, Held> held_;  ///< who is not there holds one
  CostMemory unkept_;                       ///< changes of places and shares that the database does not have yet
};

}  // namespace tessera::server
