#pragma once
// An allocation asked for in a pod's name, as if by POST /gpu/allocations: the audit log has it of the webhook.
#include "fleet/cluster/cluster.h"
#include "server/allocation_wish.h"
#include "server/allocations.h"

namespace tessera::server {

/// By its labels, and bound to the resource that it has.
Result<AllocationWish> wish_of_pod(const fleet::ClusterPod& pod, const fleet::ClusterView& cluster);

/// Ends an allocation in the name of its pod.
Result<void> release(Allocations& allocations, const std::string& id);

/// Unavailable where it may be asked again later as it is; else Invalid.
Result<void> ask_for(Allocations& allocations, const AllocationWish& wish);

}  // namespace tessera::server
