#include "agent/allocations.h"

#include <algorithm>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "agent/by_device.h"
#include "agent/holding.h"
#include "base/every.h"
#include "base/text.h"

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

/// A snapshot's devices and instances by what the kubelet may call them.
class Inventory {
 public:
  explicit Inventory(const gpu::Snapshot& snapshot) : snapshot_(snapshot) {
    for (const gpu::Device& device : snapshot.devices) {
      by_uuid_.try_emplace(lower(device.uuid), &device, nullptr);
      for (const gpu::Instance& instance : device.instances)
        by_uuid_.try_emplace(lower(instance.uuid), &device, &instance);
    }
  }

  /// The subject that a device id points at; nullopt if none of these devices does.
  std::optional<Subject> find(const kube::DeviceRef& ref) const {
    const auto [device, instance] = ref.minor ? Place(by_minor(*ref.minor), nullptr) : by_uuid(ref.uuid);
    if (device == nullptr) return std::nullopt;
    if (instance != nullptr) return subject_of(*device, *instance);
    if (!ref.gpu_instance && !ref.mig_profile) return subject_of(*device);
    for (const gpu::Instance& other : device->instances) {
      const bool by_ids = ref.gpu_instance == other.gpu_instance &&
                          (!ref.compute_instance || ref.compute_instance == other.compute_instance);
      if (by_ids || (ref.mig_profile && placed_as(*device, other, ref))) return subject_of(*device, other);
    }
    return std::nullopt;
  }

 private:
  using Place = std::pair<const gpu::Device*, const gpu::Instance*>;

  Place by_uuid(const std::string& uuid) const {
    const auto found = by_uuid_.find(lower(uuid));
    return found == by_uuid_.end() ? Place() : found->second;
  }
  const gpu::Device* by_minor(unsigned minor) const {
    const auto found = std::ranges::find(snapshot_.devices, minor, &gpu::Device::minor);
    return found == snapshot_.devices.end() ? nullptr : &*found;
  }

  const gpu::Snapshot& snapshot_;
  std::unordered_map<std::string, Place> by_uuid_;
};

/// A device that does not answer lists no processes: that is no word on whether there are any.
bool lists_processes(const gpu::Snapshot& snapshot, const Subject& subject) {
  const auto found = std::ranges::find(snapshot.devices, subject.uuid, &gpu::Device::uuid);
  return found != snapshot.devices.end() && found->health == gpu::Health::Up;
}

/// Several replicas of one subject in one container are one allocation.
std::vector<Allocation> merged(std::vector<Allocation> parts) {
  const auto key = [](const Allocation& a) { return std::tie(a.subject, a.workload, a.resource); };
  std::ranges::sort(parts, {}, key);
  std::vector<Allocation> out;
  for (Allocation& part : parts) {
    if (out.empty() || key(out.back()) != key(part)) {
      out.push_back(std::move(part));
      continue;
    }
    out.back().shared = out.back().shared || part.shared;
    out.back().replicas += part.replicas;
  }
  return out;
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
  const Inventory inventory(snapshot);
  const auto live = [&](const kube::HeldDevice& holder) {
    return std::ranges::any_of(sessions, [&](const Session& session) {
      return session.workload.pod == holder.pod && session.workload.space == holder.space;
    });
  };
  std::vector<Allocation> parts;
  for (kube::HeldDevice& held : kube::prefer_live(reply.held, live)) {
    const auto ref = kube::parse_device_id(held.device_id);
    auto subject = ref ? inventory.find(*ref) : std::nullopt;
    std::string uid = uid_of(held.space, held.pod);
    Workload workload{std::move(held.space), std::move(held.pod), std::move(held.container), std::move(uid)};
    if (!subject) {
      ++state.unmatched;
      state.unmatched_holders.push_back(std::move(workload));
      continue;
    }
    const bool shared = !ref->replica.empty();
    parts.push_back(
        {*std::move(subject), std::move(workload), std::move(held.resource), shared, shared ? 1U : 0U, std::nullopt});
  }
  state.list = merged(std::move(parts));
  return state;
}

void judge_use(Observation& observation) {
  const ByDevice devices(observation);
  for (Allocation& allocation : observation.allocations.list) {
    allocation.used.reset();
    if (!observation.sessions_known() || !lists_processes(observation.snapshot, allocation.subject)) continue;
    bool doubtful = false;
    for (const Session* session : devices.at(allocation.subject.uuid).sessions) {
      const auto use = is_use(allocation, *session, observation);
      doubtful = doubtful || !use;
      if (use == true) allocation.used = true;
    }
    if (!allocation.used && !doubtful) allocation.used = false;
  }
  for (Session& session : observation.sessions)
    session.unallocated = is_unallocated(session, devices.at(session.subject.uuid).holders, observation);
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
