#pragma once
// Inside the room. What is told of who uses and who holds a device, as observations.
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include "fleet/alerts/evaluator.h"
#include "fleet/cluster/cluster.h"
#include "fleet/inventory/fleet.h"
#include "fleet/serving/serving.h"

namespace tessera::fleet::alerts {

/// What agents tell of pods that use what they do not hold.
class Unallocated {
 public:
  explicit Unallocated(const View& view);
  bool is(const Node& node, const Device& device, const Session& session) const;
  bool any_on(const Node& node) const;

 private:
  std::set<std::string> uses_;
  std::set<std::string> devices_;  ///< with any
};

/// By the command of a process outside of pods.
using IsHostJob = std::function<bool(std::string_view command)>;
/// By the namespace of a pod: whether it is the platform's own.
using IsPlatform = std::function<bool(std::string_view space)>;

/// Neither a display's alone nor the platform's own: a pod's, a job outside of pods, or one of which nobody knows whose
/// it is.
bool may_be_users(const SessionFacts& facts, const IsHostJob& is_host_job, const IsPlatform& is_platform);

/// Those that serve models, and those that serve with them: of a replica on several nodes its leader answers alone.
/// They take their memory at the start and wait for requests: doing nothing is no sign that they are stuck.
class ServingPods {
 public:
  /// By an engine's metrics, the title of its process or its command line. `cluster`: null where none is watched.
  ServingPods(const ServingView& serving, const View& view, const ClusterView* cluster);
  /// Outside of pods nobody but its title tells which process an engine's is: each of its node may be.
  bool may_be(const Node& node, const SessionFacts& of) const;

 private:
  void add(const std::string& cluster, const std::string& space, const std::string& pod, const ClusterView* known);

  std::set<std::string> pods_;
  std::set<std::string> nodes_;  ///< with an engine outside of pods
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
/// Subject::beneath of the device's processes, of which its agent alone tells.
std::string agent_key(const Node& node, const Device& device);
/// Subject::beneath of who holds the device.
std::string holders_key(const Node& node, const Device& device);

struct SessionSight {
  const Node& node;
  const Device& device;
  bool holders_known;
  bool holders_silent;  ///< those who told of them, for a while
  const Unallocated& unallocated;
  const ServingPods& serving;
  const IsHostJob& is_host_job;
  const IsPlatform& is_platform;
};

/// Of a device that is heard of. Processes outside of pods are the platform's own but for jobs, as are those of its
/// pods: none of these is observed.
void observe_sessions(const SessionSight& sight, Round& round);

}  // namespace tessera::fleet::alerts
