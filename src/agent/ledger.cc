#include "agent/ledger.h"

#include <algorithm>

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
  const SessionKey key{session.subject, session.pid, session.start_ticks};
  const auto exact = running_.find(key);
  if (exact != running_.end()) return exact;
  const auto same = [&](const auto& entry) {
    return std::get<0>(entry.first) == session.subject && std::get<1>(entry.first) == session.pid;
  };
  const auto any = running_.lower_bound({session.subject, session.pid, 0});
  if (any == running_.end() || !same(*any)) return running_.end();
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

void Ledger::follow_sessions(Observation& observation, SteadyTime now) {
  drop_sessions_over_limit(observation.sessions);
  Running now_running;
  for (Session& session : observation.sessions) {
    session.last_seen = observation.time;
    const auto before = known_as(session);
    if (before == running_.end()) {
      session.first_seen = observation.time;
      ++started_[session.subject];
    } else {
      take_over(session, before->second);
      running_.erase(before);
    }
    session.peak_memory_bytes = std::max(session.peak_memory_bytes, session.memory_bytes.value_or(0));
    now_running.insert_or_assign(SessionKey{session.subject, session.pid, session.start_ticks}, session);
  }
  for (auto& [key, session] : running_) {
    if (observed(observation, session.subject))
      ended_.push_back({std::move(session), now});
    else
      now_running.emplace(key, std::move(session));
  }
  running_ = std::move(now_running);
  std::erase_if(ended_, [&](const Ended& ended) { return now - ended.noticed > kKeepEnded; });
  if (ended_.size() <= limits_.ended) return;
  dropped_ended_ += ended_.size() - limits_.ended;
  ended_.erase(ended_.begin(), ended_.end() - static_cast<std::ptrdiff_t>(limits_.ended));
}

void Ledger::adopt_uid(const HolderKey& key) {
  HolderKey without_uid = key;
  std::get<1>(without_uid).pod_uid.clear();
  if (std::get<1>(key).pod_uid.empty() || held_.contains(key)) return;
  auto node = held_.extract(without_uid);
  if (node.empty()) return;
  node.key() = key;
  node.mapped().sum.workload = std::get<1>(key);
  held_.insert(std::move(node));
}

void Ledger::follow_holders(Observation& observation, SteadyTime now) {
  const bool counted = last_update_ && now - *last_update_ <= longest_step_;
  for (const Allocation& allocation : observation.allocations.list) {
    const HolderKey key{allocation.subject, allocation.workload, allocation.resource};
    adopt_uid(key);
    const auto [entry, fresh] =
        held_.try_emplace(key, Held{HeldSeconds{allocation.subject, allocation.workload, allocation.resource, 0}, now});
    Held& held = entry->second;
    // A state holds until the next sample: the step counts for whoever held at its start and still holds.
    if (!fresh && counted && held.last_held == *last_update_)
      held.sum.seconds += std::chrono::duration<double>(now - *last_update_).count();
    held.last_held = now;
  }
  std::erase_if(held_, [&](const auto& entry) { return now - entry.second.last_held > kKeepEnded; });
}

void Ledger::update(Observation& observation, SteadyTime now) {
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
