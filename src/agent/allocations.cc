#include "agent/allocations.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>
#include <utility>

#include "agent/holding.h"
#include "base/every.h"

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kKubeletDeadline = 5s;
constexpr int kPollsUntilUnknown = 3;
constexpr Milliseconds kAskedSoon = 2s;

/// DRA names an instance by its GPU instance profile and first memory slice.
bool placed_as(const gpu::Device& device, const gpu::Instance& instance, const kube::DeviceRef& ref) {
  const auto profile = std::ranges::find(device.profiles, *ref.mig_profile, &gpu::Profile::id);
  return profile != device.profiles.end() && instance.profile.ends_with(profile->name) && instance.placement &&
         instance.placement->start == ref.mig_start;
}

bool same_uuid(std::string_view a, std::string_view b) {
  const auto low = [](unsigned char c) { return std::tolower(c); };
  return std::ranges::equal(a, b, {}, low, low);
}

/// The subject that a device id points at; nullopt if none of these devices does.
std::optional<Subject> find_subject(const kube::DeviceRef& ref, const gpu::Snapshot& snapshot) {
  for (const gpu::Device& device : snapshot.devices) {
    const bool is_device = ref.minor ? device.minor == ref.minor : same_uuid(device.uuid, ref.uuid);
    if (is_device && !ref.gpu_instance && !ref.mig_profile) return subject_of(device);
    for (const gpu::Instance& instance : device.instances) {
      const bool by_ids = is_device && ref.gpu_instance && ref.gpu_instance == instance.gpu_instance &&
                          (!ref.compute_instance || ref.compute_instance == instance.compute_instance);
      const bool by_uuid = !ref.minor && same_uuid(instance.uuid, ref.uuid);
      const bool by_place = is_device && ref.mig_profile && placed_as(device, instance, ref);
      if (by_ids || by_uuid || by_place) return subject_of(device, instance);
    }
  }
  return std::nullopt;
}

/// A device that does not answer lists no processes: that is no word on whether there are any.
bool lists_processes(const gpu::Snapshot& snapshot, const Subject& subject) {
  const auto found = std::ranges::find(snapshot.devices, subject.uuid, &gpu::Device::uuid);
  return found != snapshot.devices.end() && found->health == gpu::Health::Up;
}

}  // namespace

KubeletPoll::KubeletPoll(std::string socket, Milliseconds period) : kubelet_(std::move(socket)), period_(period) {}

void KubeletPoll::ask() {
  const auto before = latest_.get();
  KubeletReply next = before ? *before : KubeletReply{};
  const EpochMs asked = now_epoch_ms();
  auto held = kubelet_.list(kKubeletDeadline);
  const auto now = std::chrono::steady_clock::now();
  if (held) {
    next.held = *std::move(held);
    next.problem.clear();
    next.known = true;
    next.time = now;
    next.asked = asked;
  } else {
    next.problem = held.error().what;
    ++next.failures;
    next.known = next.known && now - next.time < kPollsUntilUnknown * period_;
    if (!next.known) next.held.clear();
  }
  latest_.publish(std::move(next));
}

void KubeletPoll::start() {
  thread_ = std::jthread([this](std::stop_token stop) {
    SteadyTime due{};
    every(std::min(kAskedSoon, period_), stop, [&] {
      const auto now = std::chrono::steady_clock::now();
      if (!wanted_.exchange(false) && now < due) return;
      due = now + period_;
      ask();
    });
  });
}

AllocationState match_allocations(const KubeletReply& reply, const gpu::Snapshot& snapshot,
                                  const std::vector<Session>& sessions,
                                  const std::function<std::string(const std::string&, const std::string&)>& uid_of) {
  AllocationState state;
  state.known = reply.known;
  state.asked = reply.asked;
  state.problem = reply.problem;
  state.failures = reply.failures;
  std::map<std::tuple<Subject, Workload, std::string>, Allocation> merged;
  const auto live = [&](const kube::HeldDevice& holder) {
    return std::ranges::any_of(sessions, [&](const Session& session) {
      return session.workload.pod == holder.pod && session.workload.space == holder.space;
    });
  };
  for (const kube::HeldDevice& held : kube::prefer_live(reply.held, live)) {
    const auto ref = kube::parse_device_id(held.device_id);
    const auto subject = ref ? find_subject(*ref, snapshot) : std::nullopt;
    const Workload workload{held.space, held.pod, held.container, uid_of(held.space, held.pod)};
    if (!subject) {
      ++state.unmatched;
      state.unmatched_holders.push_back(workload);
      continue;
    }
    Allocation& allocation = merged[{*subject, workload, held.resource}];
    allocation.subject = *subject;
    allocation.workload = workload;
    allocation.resource = held.resource;
    if (!ref->replica.empty()) {
      allocation.shared = true;
      ++allocation.replicas;
    }
  }
  for (auto& [key, allocation] : merged) state.list.push_back(std::move(allocation));
  return state;
}

void judge_use(Observation& observation) {
  for (Allocation& allocation : observation.allocations.list) {
    allocation.used.reset();
    if (!observation.sessions_known() || !lists_processes(observation.snapshot, allocation.subject)) continue;
    bool doubtful = false;
    for (const Session& session : observation.sessions) {
      const auto use = is_use(allocation, session, observation);
      doubtful = doubtful || !use;
      if (use == true) allocation.used = true;
    }
    if (!allocation.used && !doubtful) allocation.used = false;
  }
}

bool outdated(const Observation& observation) {
  return observation.allocations.known && std::ranges::any_of(observation.sessions, [&](const Session& session) {
           return !session.workload.pod_uid.empty() && session.start_time > 0 &&
                  !ran_at(session, observation.allocations.asked) &&
                  std::ranges::none_of(observation.allocations.list, [&](const Allocation& allocation) {
                    return is_use(allocation, session, observation) == true;
                  });
         });
}

}  // namespace tessera::agent
