#include "agent/holding.h"

#include <algorithm>

namespace tessera::agent {
namespace {

constexpr EpochMs kStartIsLate = 2'000;  // the boot time that starts are counted from is cut to a second

/// The driver names no instance for it: on a device in MIG mode it can be on any.
bool may_run_on(const Subject& held, const Subject& used) {
  return covers(held, used) || (!used.gpu_instance && held.uuid == used.uuid);
}

bool in_pod(const Session& session) {
  return session.outcome == Outcome::Pod || session.outcome == Outcome::Holder || session.outcome == Outcome::Unnamed;
}

bool started_since(const Session& session, EpochMs asked) { return session.start_time > 0 && !ran_at(session, asked); }

/// The same of the pods alone. A name, or a UID, that both have decides.
std::optional<bool> is_holders(const Workload& holder, const Session& session, const Observation& seen) {
  const Workload& user = session.workload;
  if (may_be_any_pods(session, seen.blindness)) return std::nullopt;
  if (!in_pod(session)) return false;
  if (same_pod_name(holder, user)) return true;
  const bool uids_known = !holder.pod_uid.empty() && !user.pod_uid.empty();
  if (uids_known && holder.pod_uid == user.pod_uid) return true;
  const bool another = uids_known || (!holder.pod.empty() && !user.pod.empty());
  return another && !started_since(session, seen.allocations.asked) ? std::optional(false) : std::nullopt;
}

}  // namespace

bool covers(const Subject& held, const Subject& used) {
  return held == used || (!held.gpu_instance && held.uuid == used.uuid);
}

bool same_pod_name(const Workload& a, const Workload& b) {
  return a.pod == b.pod && a.space == b.space && !a.pod.empty();
}

bool ran_at(const Session& session, EpochMs asked) {
  return session.start_time > 0 && session.start_time + kStartIsLate <= asked;
}

bool may_be_any_pods(const Session& session, const kube::Blindness& blindness) {
  switch (session.outcome) {
    case Outcome::Gone:
    case Outcome::NoAccess:
    case Outcome::Conflict:
      return true;
    case Outcome::Host:
      return blindness.cgroup_namespaced;
    case Outcome::Pod:
    case Outcome::Holder:
    case Outcome::Unnamed:
      return false;
  }
  return true;
}

std::optional<bool> is_use(const Allocation& allocation, const Session& session, const Observation& seen) {
  if (!may_run_on(allocation.subject, session.subject)) return false;
  const auto holders = is_holders(allocation.workload, session, seen);
  if (holders == true && !covers(allocation.subject, session.subject)) return std::nullopt;
  return holders;
}

bool is_unallocated(const Session& session, const std::vector<Allocation*>& on_device, const Observation& seen) {
  if (!in_pod(session) || started_since(session, seen.allocations.asked)) return false;
  const auto holds_what_is_not_here = [&](const Workload& holder) {
    return is_holders(holder, session, seen) != false;
  };
  return std::ranges::none_of(seen.allocations.unmatched_holders, holds_what_is_not_here) &&
         std::ranges::all_of(on_device, [&](const Allocation* a) { return is_use(*a, session, seen) == false; });
}

}  // namespace tessera::agent
