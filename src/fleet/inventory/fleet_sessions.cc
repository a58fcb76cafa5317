// How sessions end, pause and go on. One that is not told of for a while may go on: over a restart of the server, a
// silence of its device, or a scrape that failed. What was not told in between counts in nothing.
#include <algorithm>
#include <utility>

#include "fleet/inventory/fleet.h"

namespace tessera::fleet {
namespace {

Ended ended_at(const Running& one, EpochMs time) {
  return {one.cluster, one.node, one.device_uuid, one.device_id, one.session, std::max(time, one.session.first_seen)};
}

/// Both began at one time, as far as the times that they are told to have begun at are exact.
bool is_same_start(EpochMs one, EpochMs other) { return std::abs(one - other) <= kSameStart.count(); }

}  // namespace

Running Fleet::running_on(const Node& node, const Device& device, const Session& session) {
  return {node.cluster, node.name, device.facts->uuid, device_id(node.name, device.facts->index), session};
}

void Fleet::end_session(const Node& node, Device& device, std::uint32_t row, EpochMs time) {
  const auto running = std::ranges::find(device.sessions, row, &Session::row);
  if (running == device.sessions.end()) return;
  ended_.push_back(ended_at(running_on(node, device, *running), time));
  device.sessions.erase(running);
}

std::vector<Running> Fleet::running(const std::function<bool(const Session&)>& wanted) const {
  std::vector<Running> out;
  for (const NodeState& of : nodes_)
    for (const Device& device : of.node->devices)
      for (const Session& session : device.sessions)
        if (wanted(session)) out.push_back(running_on(*of.node, device, session));
  for (const auto& [row, paused] : paused_)
    if (!paused.ended && wanted(paused.running.session)) out.push_back(paused.running);
  return out;
}

std::optional<std::uint32_t> Fleet::remember(Running one) {
  Identity identity;
  identity.cluster = one.cluster;
  identity.uuid = one.device_uuid;
  const auto device = subject_by_name_.find(subject_name(one.cluster, one.device_uuid, {}));
  if (device == subject_by_name_.end()) return std::nullopt;
  identity.node = nodes_[subjects_[device->second].node].node->name;
  Session& session = one.session;
  const std::uint32_t row = learn_session_row(identity, session.part, *session.facts, session.last_seen);
  if (row == kNone || paused_.contains(row)) return std::nullopt;
  session.row = row;
  resumes_ = true;
  paused_[row] = {.running = std::move(one)};
  return row;
}

/// `over`: when it is handed out as one that has ended; absent: it may be a backlog that it waits for.
void Fleet::pause_session(const Node& node, Device& device, std::uint32_t row, std::optional<EpochMs> over) {
  const auto running = std::ranges::find(device.sessions, row, &Session::row);
  if (running == device.sessions.end()) return;
  const auto before = paused_.find(row);
  // What is known from longer ago than this one is still to be told of, or to end.
  if (before != paused_.end() && !before->second.ended) return end_session(node, device, row, running->last_seen);
  Paused paused{running_on(node, device, *running), device.heard, over};
  if (over) ended_.push_back(ended_at(paused.running, running->last_seen));
  paused_.insert_or_assign(row, std::move(paused));
  device.sessions.erase(running);
}

/// Its end was told, or it turns out to have been when it last was told of: it cannot go on.
void Fleet::end_paused(std::uint32_t row, EpochMs time) {
  const auto paused = paused_.find(row);
  if (paused == paused_.end()) return;
  const Session& session = paused->second.running.session;
  if (time < session.first_seen) return;  // that of an earlier one
  if (!paused->second.ended || time > session.last_seen) ended_.push_back(ended_at(paused->second.running, time));
  paused_.erase(paused);
  if (rows_[row].slots == 0) drop_row(row);
}

/// Whether it is one that paused. Without a start a process is known by its pid alone: over no long pause, and where
/// nobody has been told that it ended.
void Fleet::go_on(Session& session, std::optional<EpochMs> told_start, EpochMs time) {
  const auto paused = paused_.find(session.row);
  if (paused == paused_.end()) return;
  const Session& before = paused->second.running.session;
  if (time < before.first_seen) return;  // what is read again is of an earlier one
  if (before.start) {
    if (!told_start) return;  // it will be
    if (!is_same_start(*told_start, *before.start)) return end_paused(session.row, before.last_seen);
    session.start = before.start;
  } else if (paused->second.ended || time - before.last_seen > options_.missing_after.count()) {
    return;
  }
  session.first_seen = before.first_seen;
  session.last_seen = std::max(session.last_seen, before.last_seen);
  if (before.peak_memory_bytes)
    session.peak_memory_bytes = std::max(session.peak_memory_bytes.value_or(0), *before.peak_memory_bytes);
  session.util_sum += before.util_sum;
  session.util_samples += before.util_samples;
  session.util_until = std::max(session.util_until, before.util_until);
  paused_.erase(paused);
}

/// Those that nobody has told of again.
void Fleet::end_pauses(EpochMs now) {
  for (auto at = paused_.begin(); at != paused_.end();) {
    auto& [row, paused] = *at;
    if (!paused.ended && is_over(paused.heard, now)) {
      ended_.push_back(ended_at(paused.running, paused.running.session.last_seen));
      paused.ended = now;
    }
    const bool stays = !paused.ended || now - *paused.ended <= options_.missing_after.count();
    if (!stays && rows_[row].slots == 0) drop_row(row);
    at = stays ? std::next(at) : paused_.erase(at);
  }
}

}  // namespace tessera::fleet
