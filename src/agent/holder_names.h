#pragma once
// Names for pods that nothing but the kubelet's socket names: it knows who holds a device, the cgroup knows the UID of
// who runs on it. Where one pod alone holds a device and one UID alone runs on it, the two are the same pod.
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/by_device.h"
#include "agent/observation.h"

namespace tessera::agent {

/// Owned by the collecting thread. A name is learned from what is held alone and from processes that ran when the
/// kubelet was asked, never on shared devices; it stays until something contradicts it, or until its pod has not been
/// seen for an hour.
class HolderNames {
 public:
  /// Names the sessions whose pod is known by UID only, as far as their names were learned.
  void name(std::vector<Session>& sessions) const;

  /// Learns from what is held and what runs there, names the sessions and gives the holders their UIDs.
  void learn(Observation& observation, SteadyTime now);

 private:
  struct Known {
    std::string space, pod;
    std::map<std::string, std::string> containers;  ///< names by container id
    SteadyTime last_seen;
  };
  /// What stands on one thing that is held by one pod alone.
  struct Lone {
    const Allocation* held;
    bool one_container = true;            ///< of the pod holds it
    bool unclear = false;                 ///< something runs there that may be any pod's
    bool fresh = true;                    ///< all of it ran when the kubelet was asked
    std::vector<const Session*> users{};  ///< of pods: one of each container that runs there
    bool one_pod() const;                 ///< all users are of one
  };
  static std::optional<Lone> alone_on(const Allocation& held, const ByDevice::Here& here,
                                      const Observation& observation);
  static std::vector<Lone> held_alone(Observation& observation);
  void forget_contradicted(const std::vector<Lone>& lone);
  void learn_pods(const std::vector<Lone>& lone, const Observation& observation, SteadyTime now);
  void learn_containers(const std::vector<Lone>& lone);

  std::unordered_map<std::string, Known> known_;  // by pod UID
};

}  // namespace tessera::agent
