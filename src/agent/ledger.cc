#include "agent/ledger.h"

#include <algorithm>
#include <utility>

namespace tessera::agent {
namespace {

constexpr std::chrono::minutes kKeepEnded{5};
constexpr Milliseconds kShortestGap{5'000};  // a busy node may skip a few short intervals

/// What was known of the session stays known: who a process was does not change because it can no longer be asked.
void take_over(Session& now, const Session& before) {
  now.first_seen = before.first_seen;
  now.peak_memory_bytes = before.peak_memory_bytes;
  if (now.start_ticks != 0 || before.start_ticks == 0) return;
  now.start_ticks = before.start_ticks;
  now.start_time = before.start_time;
  now.command = before.command;
  now.workload = before.workload;
}

}  // namespace

Ledger::Ledger(Milliseconds interval, Limits limits)
    : longest_step_(std::max(interval * 5 / 2, kShortestGap)), limits_(limits) {}

bool Ledger::observed(const Observation& observation, const Subject& subject) const {
  // A device that hangs or may not be opened lists nothing: its sessions are not known to have ended. One that is lost
  // or gone has none any more.
  const auto& devices = observation.snapshot.devices;
  const auto found = std::ranges::find(devices, subject.uuid, &gpu::Device::uuid);
  if (found == devices.end()) return observation.driver_up;
  return found->health == gpu::Health::Up || found->health == gpu::Health::Lost;
}

Ledger::Running::iterator Ledger::known_as(const Session& session) {
  const std::uint64_t unknown_start = 0;
  const auto any = running_.lower_bound(std::tie(session.pid, session.subject, unknown_start));
  const auto is_same = [&](Running::iterator at) {
    return at != running_.end() && std::get<0>(at->first) == session.pid && std::get<1>(at->first) == session.subject;
  };
  for (auto at = any; is_same(at); ++at)
    if (std::get<2>(at->first) == session.start_ticks) return at;
  if (!is_same(any)) return running_.end();
  // A process that has just ended can still be listed by the driver, and one that has just begun may be listed before
  // it can be looked at: where either start is not known, it is the session that we knew, not a new one.
  return session.start_ticks == 0 || std::get<2>(any->first) == 0 ? any : running_.end();
}

/// One that was followed until now is forgotten: it has not ended.
void Ledger::drop_sessions_over_limit(std::vector<Session>& sessions) {
  if (sessions.size() <= limits_.sessions) return;
  for (std::size_t i = limits_.sessions; i < sessions.size(); ++i)
    if (const auto before = known_as(sessions[i]); before != running_.end()) running_.erase(before);
  dropped_sessions_ += sessions.size() - limits_.sessions;
  sessions.resize(limits_.sessions);
}

/// Its place in `running_`, under the start time that is known now.
Ledger::Running::iterator Ledger::follow(Session& session, Running::iterator before) {
  if (before == running_.end()) {
    session.first_seen = session.last_seen;
    ++started_[session.subject];
    return running_.try_emplace({session.pid, session.subject, session.start_ticks}).first;
  }
  take_over(session, before->second.session);
  if (std::get<2>(before->first) == session.start_ticks) return before;
  auto node = running_.extract(before);
  std::get<2>(node.key()) = session.start_ticks;
  return running_.insert(std::move(node)).position;
}

void Ledger::follow_sessions(Observation& observation, SteadyTime now) {
  drop_sessions_over_limit(observation.sessions);
  ++round_;
  for (Session& session : observation.sessions) {
    session.last_seen = observation.time;
    Followed& followed = follow(session, known_as(session))->second;
    session.peak_memory_bytes = std::max(session.peak_memory_bytes, session.memory_bytes.value_or(0));
    followed.session = session;
    followed.round = round_;
  }
  for (auto at = running_.begin(); at != running_.end();) {
    Followed& followed = at->second;
    if (followed.round == round_ || !observed(observation, followed.session.subject)) {
      ++at;
      continue;
    }
    ended_.push_back({std::move(followed.session), now});
    at = running_.erase(at);
  }
  std::erase_if(ended_, [&](const Ended& ended) { return now - ended.noticed > kKeepEnded; });
  if (ended_.size() <= limits_.ended) return;
  dropped_ended_ += ended_.size() - limits_.ended;
  ended_.erase(ended_.begin(), ended_.end() - static_cast<std::ptrdiff_t>(limits_.ended));
}

/// A pod's UID may become known after its name: the holder is the same.
Ledger::Holders::iterator Ledger::adopt_uid(const Allocation& allocation) {
  if (allocation.workload.pod_uid.empty()) return held_.end();
  Workload without_uid = allocation.workload;
  without_uid.pod_uid.clear();
  auto node = held_.extract({allocation.subject, std::move(without_uid), allocation.resource});
  if (node.empty()) return held_.end();
  std::get<1>(node.key()) = allocation.workload;
  node.mapped().sum.workload = allocation.workload;
  return held_.insert(std::move(node)).position;
}

void Ledger::follow_holders(Observation& observation, SteadyTime now) {
  const bool counted = last_update_ && now - *last_update_ <= longest_step_;
  for (const Allocation& allocation : observation.allocations.list) {
    auto at = held_.find(std::tie(allocation.subject, allocation.workload, allocation.resource));
    if (at == held_.end()) at = adopt_uid(allocation);
    if (at == held_.end()) {
      const HeldSeconds nothing{allocation.subject, allocation.workload, allocation.resource, 0};
      held_.emplace(HolderKey{allocation.subject, allocation.workload, allocation.resource}, Held{nothing, now});
      continue;
    }
    Held& held = at->second;
    // A state holds until the next sample: the step counts for whoever held at its start and still holds.
    if (counted && held.last_held == *last_update_)
      held.sum.seconds += std::chrono::duration<double>(now - *last_update_).count();
    held.last_held = now;
  }
  std::erase_if(held_, [&](const auto& entry) { return now - entry.second.last_held > kKeepEnded; });
}

/// What is kept is known by UUID, and the index that it is shown under can pass to another device.
void Ledger::follow_indices(const gpu::Snapshot& snapshot) {
  for (const gpu::Device& device : snapshot.devices) {
    if (device.uuid.empty()) continue;  // it has never answered
    unsigned& index = indices_.try_emplace(device.uuid, device.index).first->second;
    if (std::exchange(index, device.index) != device.index) rename(device);
  }
}

void Ledger::rename(const gpu::Device& device) {
  const auto shown_as_now = [&](Subject& subject) {
    if (subject.uuid == device.uuid)
      subject.gpu = gpu_name(device.index, subject.gpu_instance, subject.compute_instance);
  };
  for (auto& [key, followed] : running_) shown_as_now(followed.session.subject);
  for (Ended& ended : ended_) shown_as_now(ended.session.subject);
  for (auto& [key, held] : held_) shown_as_now(held.sum.subject);
  std::map<Subject, std::uint64_t> started;
  for (auto& [subject, count] : started_) {
    Subject now = subject;
    shown_as_now(now);
    started.emplace(std::move(now), count);
  }
  started_ = std::move(started);
}

void Ledger::update(Observation& observation, SteadyTime now) {
  follow_indices(observation.snapshot);
  if (observation.sessions_known()) follow_sessions(observation, now);
  follow_holders(observation, now);
  last_update_ = now;
  observation.ended.clear();
  for (const Ended& ended : ended_) observation.ended.push_back(ended.session);
  observation.sessions_started = started_;
  observation.dropped_sessions = dropped_sessions_;
  observation.dropped_ended = dropped_ended_;
  observation.held.clear();
  for (const auto& [key, held] : held_) observation.held.push_back(held.sum);
}

}  // namespace tessera::agent
