#pragma once
// What a pod has asked for, and what became of it: from waiting, over a promise, to what it holds, to its end. Pure:
// each turn is a function from one state to the next; time comes in.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "gpu/device.h"

namespace tessera::fleet {

enum class AllocationState : std::uint8_t {
  Waiting,   ///< accepted, and there is no room yet
  Promised,  ///< nobody else gets its parts; the pod has not been seen on them
  Bound,     ///< the pod holds or uses them
  Ended,     ///< the pod has gone
  Expired,   ///< the pod did not come in time
  Released   ///< somebody took it back
};
inline constexpr std::size_t kAllocationStates = 6;
std::string_view allocation_state_name(AllocationState state);  ///< "waiting"
std::optional<AllocationState> allocation_state_named(std::string_view name);
/// Whether it is over: Ended, Expired, Released.
bool is_over(AllocationState state);

/// A device, or a place on it, that is promised or held: so much of the axis of memory slices is nobody else's. Or one
/// of the replicas of a device that is shared: which of them is nothing that the kubelet knows, so a number stands for
/// it.
struct PromisedPart {
  std::string node;
  std::string device_uuid;
  std::string profile;       ///< "2g.20gb"; empty: the whole device, or a replica
  gpu::Placement placement;  ///< of the whole device: its whole axis; of a replica: its number
  bool made = false;         ///< the instance was made for this allocation, and goes when nobody has it
  unsigned replicas = 0;     ///< of a shared device; 0: it is no replica
  std::string resource{};    ///< of a replica, what a pod asks Kubernetes for: "nvidia.com/gpu.shared"
  bool operator==(const PromisedPart&) const = default;
};

struct PodAllocation {
  std::string id;
  std::string cluster;
  std::string space;  ///< namespace
  std::string pod;
  std::string request;  ///< as it was asked for, in the words of whoever keeps it (JSON)
  std::string team;     ///< empty: none is named
  std::int64_t priority = 0;
  bool waits = false;  ///< it is kept where there is no room
  Milliseconds lease{};
  std::string asked_by;
  EpochMs asked_at = 0;

  AllocationState state = AllocationState::Waiting;
  std::string why;  ///< it is in this state: a sentence
  std::string who;  ///< brought it there: "key:… ada", "tessera-server"
  EpochMs since = 0;
  std::vector<PromisedPart> parts{};
  std::optional<EpochMs> ready_since{};  ///< all parts exist
  std::optional<EpochMs> expires{};      ///< unless the pod is seen before
  std::string pod_uid{};                 ///< empty: not told. Before it is bound: of the pod that it was asked for
  std::string decision{};                ///< why these parts, or why none yet, likewise in the keeper's words
  bool operator==(const PodAllocation&) const = default;
};

/// Who brought something about, why and when.
struct Cause {
  std::string why;
  std::string who;
  EpochMs time = 0;
};

// The turns. Each takes the allocation as it is and returns what it becomes; Invalid where that turn is not open to it.
/// `decision` explains the parts. The lease begins.
Result<PodAllocation> promised(PodAllocation of, std::vector<PromisedPart> parts, std::string decision,
                               const Cause& cause);
/// Its parts exist: the pod has the whole lease from now on. What is ready already stays as it is.
Result<PodAllocation> ready(PodAllocation of, EpochMs time);
/// After a server has started: who was to come while there was none has this long to be seen.
inline constexpr Milliseconds kGrace{60'000};
/// Its lease, where it has one that runs, was timed by another server, whose clock may be another one: it ends when
/// that one said, but not before kGrace, nor later than if it began anew.
Result<PodAllocation> timed_anew(PodAllocation of, EpochMs time);
/// The pod has these parts, be they others than those that were promised.
Result<PodAllocation> bound(PodAllocation of, std::vector<PromisedPart> parts, std::string pod_uid, const Cause& cause);
/// The promise cannot be kept: it waits for another one, with its lease begun anew where it does not wait by its own
/// wish.
Result<PodAllocation> taken_back(PodAllocation of, const Cause& cause);
/// Why it waits still; `decision` explains the refusal.
Result<PodAllocation> still_waiting(PodAllocation of, std::string decision, const Cause& cause);
/// To Ended, Expired or Released.
Result<PodAllocation> over(PodAllocation of, AllocationState state, const Cause& cause);

/// Whether some of `a` is some of `b`. A device that is shared is nobody's as a whole.
bool overlap(const PromisedPart& a, const PromisedPart& b);

}  // namespace tessera::fleet
