#pragma once
// The part of the fleet that somebody may see who has some of its workloads: what they hold or use, and nothing else.
// Everything that is made of a view (lists, sums, pods, health) is then of that part too. Pure.
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "fleet/inventory/fleet.h"

namespace tessera::fleet {

using Mine = std::function<bool(const Workload&)>;

/// Null where none of its devices is held or used by a workload of `mine`; the node itself where nothing had to be
/// taken out. Of a device that is cut, the instances of others go, and with them what the board as a whole tells of its
/// use; whether it is well stays. A device or GPU instance that several share is told to each of them as a whole: the
/// driver does not take its numbers apart.
std::shared_ptr<const Node> restricted(const std::shared_ptr<const Node>& node, const Mine& mine);

/// What the cluster's API says of these namespaces and their pods, and of the nodes in `seen`; not how many GPUs a node
/// has, nor how busy it is with all that runs there.
std::shared_ptr<const ClusterView> restricted(const ClusterView& whole, const std::set<std::string>& spaces,
                                              const View& seen);

}  // namespace tessera::fleet
