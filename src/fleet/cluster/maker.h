#pragma once
// What makes a pod and the workloads between, and reverts what somebody else changes of these.
#include <string>

#include "fleet/cluster/cluster.h"

namespace tessera::fleet {

struct Maker {
  std::string kind;  ///< "Deployment", "LeaderWorkerSet"; empty: nobody owns the pod
  std::string name;
  bool operator==(const Maker&) const = default;
};

/// By labels that the controllers put on their pods, of those that are known to have workloads of their own; else the
/// pod's owner.
Maker maker_of(const ClusterPod& pod);

}  // namespace tessera::fleet
