#include "agent/attribution.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

constexpr auto kLookAgain = 3min;  // a process can be moved to another cgroup

Outcome outcome_of(kube::Unidentified why) {
  switch (why) {
    case kube::Unidentified::Gone:
      return Outcome::Gone;
    case kube::Unidentified::Conflict:
      return Outcome::Conflict;
    case kube::Unidentified::NoAccess:
    case kube::Unidentified::Unreadable:
      return Outcome::NoAccess;
  }
  return Outcome::NoAccess;
}

/// The instance that a process of a device list belongs to; the device itself where it names none.
const gpu::Instance* instance_of(const gpu::Device& device, const gpu::Process& process) {
  const auto found = std::ranges::find_if(device.instances, [&](const gpu::Instance& instance) {
    return process.gpu_instance == instance.gpu_instance && process.compute_instance == instance.compute_instance;
  });
  return found == device.instances.end() ? nullptr : &*found;
}

/// Sorted through pointers: a session is too large to be moved about.
std::vector<Session> by_subject_and_pid(std::vector<Session> sessions) {
  std::vector<Session*> order;
  order.reserve(sessions.size());
  for (Session& session : sessions) order.push_back(&session);
  std::ranges::sort(order, {}, [](const Session* session) { return std::tie(session->subject.gpu, session->pid); });
  std::vector<Session> sorted;
  sorted.reserve(sessions.size());
  for (Session* session : order) sorted.push_back(std::move(*session));
  return sorted;
}

}  // namespace

std::string process_type(const gpu::Process& process) {
  if (process.mps) return "M+C";
  if (process.compute && process.graphics) return "C+G";
  return process.graphics ? "G" : "C";
}

Attribution::Attribution(const std::string& proc, const std::string& pod_logs)
    : table_(proc), live_(proc), names_(pod_logs) {}

std::string Attribution::uid_of(const std::string& space, const std::string& pod, SteadyTime now) {
  return names_.uid_of(space, pod, now).value_or("");
}

const kube::ProcessLookup& Attribution::identify(unsigned pid, SteadyTime now) {
  Known& known = known_[pid];
  if (std::exchange(known.seen, true)) return known.lookup;  // on another device, too
  const bool same = known.lookup.identity && now - known.looked < kLookAgain &&
                    (live_.runs(pid) || table_.start_ticks(pid) == known.lookup.identity->start_ticks);
  if (!same) {
    live_.follow(pid);
    known.lookup = table_.look_up(pid);
    known.looked = now;
  }
  return known.lookup;
}

Session Attribution::session_of(const gpu::Process& process, const Subject& subject, std::uint64_t capacity,
                                SteadyTime now) {
  Session session;
  session.subject = subject;
  session.pid = process.pid;
  session.type = process_type(process);
  session.memory_bytes = process.used_memory_bytes;
  if (process.used_memory_bytes && capacity > 0)
    session.memory_ratio =
        std::min(1.0, static_cast<double>(*process.used_memory_bytes) / static_cast<double>(capacity));
  session.sm_percent = process.sm_util_percent;
  session.memory_percent = process.memory_util_percent;

  const kube::ProcessLookup& who = identify(process.pid, now);
  if (!who.identity) {
    session.outcome = outcome_of(who.why);
    return session;
  }
  session.start_ticks = who.identity->start_ticks;
  session.start_time = who.identity->start_time;
  session.command = who.identity->command;
  const kube::CgroupOwner& owner = who.identity->owner;
  session.workload.pod_uid = owner.pod_uid;
  session.container_id = owner.container_id;
  if (owner.pod_uid.empty() && owner.container_id.empty()) {
    session.outcome = Outcome::Host;
    return session;
  }
  auto name = names_.find(owner.pod_uid, owner.container_id, now);
  if (!name) {  // a container of no pod (plain Docker) is the host's; a pod without names keeps its UID
    session.outcome = owner.pod_uid.empty() ? Outcome::Host : Outcome::Unnamed;
    return session;
  }
  session.outcome = Outcome::Pod;
  session.workload.space = std::move(name->space);
  session.workload.pod = std::move(name->pod);
  session.workload.container = std::move(name->container);
  return session;
}

std::vector<Session> Attribution::sessions(const gpu::Snapshot& snapshot, SteadyTime now) {
  live_.refresh();
  for (auto& [pid, known] : known_) known.seen = false;
  std::vector<Session> out;
  out.reserve(known_.size());
  for (const gpu::Device& device : snapshot.devices) {
    if (device.health != gpu::Health::Up) continue;
    const gpu::Instance* instance = nullptr;  // of the process before: they come instance by instance
    Subject subject = subject_of(device);
    for (const gpu::Process& process : device.processes) {
      if (const gpu::Instance* its = instance_of(device, process); its != std::exchange(instance, its))
        subject = its ? subject_of(device, *its) : subject_of(device);
      out.push_back(session_of(process, subject, instance ? instance->memory_bytes : device.memory_bytes, now));
    }
  }
  std::erase_if(known_, [&](const auto& entry) {
    if (!entry.second.seen) live_.forget(entry.first);
    return !entry.second.seen;
  });
  return by_subject_and_pid(std::move(out));
}

}  // namespace tessera::agent
