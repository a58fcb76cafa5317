#include "fleet/allocation/allocation.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "gpu/geometry.h"

namespace tessera::fleet {
namespace {
using enum AllocationState;

constexpr std::array<std::string_view, kAllocationStates> kNames = {"waiting", "promised", "bound",
                                                                    "ended",   "expired",  "released"};

/// To `state` from one of `from`.
Result<PodAllocation> turned(PodAllocation of, std::initializer_list<AllocationState> from, AllocationState state,
                             const Cause& cause) {
  if (std::ranges::find(from, of.state) == from.end())
    return fail(Code::Invalid, "allocation {} of {}/{} is {}: it cannot become {}", of.id, of.space, of.pod,
                allocation_state_name(of.state), allocation_state_name(state));
  of.state = state;
  of.why = cause.why;
  of.who = cause.who;
  of.since = cause.time;
  return of;
}

}  // namespace

std::string_view allocation_state_name(AllocationState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<AllocationState> allocation_state_named(std::string_view name) {
  const auto* found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<AllocationState>(found - kNames.begin());
}

bool is_over(AllocationState state) { return state == Ended || state == Expired || state == Released; }

Result<PodAllocation> promised(PodAllocation of, std::vector<PromisedPart> parts, std::string decision,
                               const Cause& cause) {
  PodAllocation out = TRY(turned(std::move(of), {Waiting}, Promised, cause));
  out.parts = std::move(parts);
  out.decision = std::move(decision);
  out.ready_since = {};
  out.expires = cause.time + out.lease.count();
  return out;
}

Result<PodAllocation> ready(PodAllocation of, EpochMs time) {
  if (of.ready_since) return of;
  PodAllocation out = TRY(turned(of, {Promised}, Promised, {of.why, of.who, of.since}));
  out.ready_since = time;
  out.expires = time + out.lease.count();
  return out;
}

Result<PodAllocation> timed_anew(PodAllocation of, EpochMs time) {
  if (!of.expires || is_over(of.state))
    return fail(Code::Invalid, "allocation {} of {}/{} has no lease that runs", of.id, of.space, of.pod);
  of.expires = std::clamp(*of.expires, time + std::min(of.lease, kGrace).count(), time + of.lease.count());
  return of;
}

Result<PodAllocation> bound(PodAllocation of, std::vector<PromisedPart> parts, std::string pod_uid,
                            const Cause& cause) {
  PodAllocation out = TRY(turned(std::move(of), {Waiting, Promised, Bound}, Bound, cause));
  out.parts = std::move(parts);
  out.pod_uid = std::move(pod_uid);
  if (!out.ready_since) out.ready_since = cause.time;
  out.expires = {};
  return out;
}

Result<PodAllocation> taken_back(PodAllocation of, const Cause& cause) {
  PodAllocation out = TRY(turned(std::move(of), {Promised}, Waiting, cause));
  out.parts = {};
  out.decision = {};
  out.ready_since = {};
  out.expires = out.waits ? std::nullopt : std::optional(cause.time + out.lease.count());
  return out;
}

Result<PodAllocation> still_waiting(PodAllocation of, std::string decision, const Cause& cause) {
  const EpochMs since = of.since;
  PodAllocation out = TRY(turned(std::move(of), {Waiting}, Waiting, cause));
  out.since = since;
  out.decision = std::move(decision);
  return out;
}

Result<PodAllocation> over(PodAllocation of, AllocationState state, const Cause& cause) {
  PodAllocation out;
  switch (state) {
    case Ended:
      out = TRY(turned(std::move(of), {Waiting, Promised, Bound}, state, cause));
      break;
    case Expired:
      out = TRY(turned(std::move(of), {Waiting, Promised}, state, cause));
      break;
    case Released:
      out = TRY(turned(std::move(of), {Waiting, Promised, Bound}, state, cause));
      break;
    default:
      return fail(Code::Invalid, "allocation {}: {} is no end", of.id, allocation_state_name(state));
  }
  out.expires = {};
  return out;
}

bool overlap(const PromisedPart& a, const PromisedPart& b) {
  if (a.device_uuid != b.device_uuid) return false;
  return (a.replicas > 0) != (b.replicas > 0) || gpu::overlap(a.placement, b.placement);
}

}  // namespace tessera::fleet
