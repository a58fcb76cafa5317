#pragma once
// Whether a session is a holder's use of what it holds: yes, no, or not to be told. Only what is sure becomes a number.
#include "agent/observation.h"

namespace tessera::agent {

/// A pod that holds a whole device in MIG mode uses it through any of its instances.
bool covers(const Subject& held, const Subject& used);

bool same_pod_name(const Workload& a, const Workload& b);

/// Whether the process ran already when the kubelet was asked; what started later may run on devices that were given
/// away since.
bool ran_at(const Session& session, EpochMs asked);

/// Whether it may belong to any pod: it ended, may not be read, or stands in a cgroup whose path is cut off.
bool may_be_any_pods(const Session& session, const kube::Blindness& blindness);

/// nullopt where the session may be the holder's, and may not.
std::optional<bool> is_use(const Allocation& allocation, const Session& session, const Observation& seen);

/// Whether it runs on something that its pod does not hold, of all that is held on its device. False where it may hold
/// it: nobody is accused on a guess.
bool is_unallocated(const Session& session, const std::vector<Allocation*>& on_device, const Observation& seen);

}  // namespace tessera::agent
