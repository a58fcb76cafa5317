#pragma once
// Inside the room. What is told of who uses and who holds a device, as observations.
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "fleet/alerts/evaluator.h"
#include "fleet/cluster/cluster.h"
#include "fleet/inventory/node.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet::alerts {

/// Pods that serve models. They take their memory at the start and wait for requests: doing nothing is no sign that
/// they are stuck.
class ServingPods {
 public:
  explicit ServingPods(const ServingView& serving);
  bool contains(const std::string& cluster, const Workload& of) const;

 private:
  std::set<std::string> pods_;
};

/// The kubelet tells of somebody who holds a device of the node.
bool tells_allocations(const Node& node);
/// Of which nodes it is known who holds their devices, at one time.
class Holders {
 public:
  /// `cluster`: null where none is watched.
  explicit Holders(const ClusterView* cluster);
  /// The kubelet tells of somebody, or the cluster's API of nobody there who asks for any. A node of which neither is
  /// told may have no one who tells.
  bool known(const Node& node) const;

 private:
  bool nobody_asks(const Node& node) const;

  const ClusterView* cluster_;                  ///< null where it does not tell
  std::unordered_set<std::string_view> asked_;  ///< nodes with a pod that asks for GPUs
};
/// Subject::beneath of who holds the device and who uses it without.
std::string holders_key(const Node& node, const Device& device);

/// Of a device that is heard of. Processes outside of pods are the operator's own, and none of these.
void observe_sessions(const Node& node, const Device& device, bool holders_known, const ServingPods& serving,
                      Round& round);

}  // namespace tessera::fleet::alerts
