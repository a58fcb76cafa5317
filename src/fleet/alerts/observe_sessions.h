#pragma once
// Inside the room. What is told of who uses and who holds a device, as observations.
#include <set>
#include <string>

#include "fleet/alerts/evaluator.h"
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

/// Where the kubelet's word is known: a node of which no allocation at all is told may have no one who tells.
bool tells_allocations(const Node& node);
/// Subject::beneath of who holds the device and who uses it without.
std::string holders_key(const Node& node, const Device& device);

/// Of a device that is heard of. Processes outside of pods are the operator's own, and none of these.
void observe_sessions(const Node& node, const Device& device, const ServingPods& serving, Round& round);

}  // namespace tessera::fleet::alerts
