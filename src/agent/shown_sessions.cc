#include "agent/shown_sessions.h"

#include <algorithm>
#include <tuple>

namespace tessera::agent {
namespace {

/// A sum over a part only would pass for one over all.
template <class T>
void add_to(std::optional<T>& sum, const std::optional<T>& part) {
  sum = sum && part ? std::optional(*sum + *part) : std::nullopt;
}

void add_to(Session& sum, const Session& part) {
  add_to(sum.memory_bytes, part.memory_bytes);
  add_to(sum.memory_ratio, part.memory_ratio);
  add_to(sum.sm_percent, part.sm_percent);
  add_to(sum.memory_percent, part.memory_percent);
  if (part.start_time > 0 && (sum.start_time == 0 || part.start_time < sum.start_time))
    sum.start_time = part.start_time;
  sum.last_seen = std::max(sum.last_seen, part.last_seen);
}

/// Whether the sum was above the whole: shares are measured one by one, and MPS clients run side by side.
bool clamp(std::optional<double>& sum, double whole) {
  if (!sum || *sum <= whole) return false;
  sum = whole;
  return true;
}

}  // namespace

ShownSessions shown_sessions(const std::vector<Session>& sessions, const ExposeOptions& options) {
  if (options.session_pid) return {sessions, {}, {}};
  using Key = std::tuple<Subject, Workload, std::string>;  // what the labels show, so that no two rows are alike
  std::map<Key, Session> merged;
  for (const Session& session : sessions) {
    const std::string command = options.session_command ? session.command : std::string();
    const auto [entry, fresh] = merged.try_emplace({session.subject, session.workload, command}, session);
    if (!fresh) add_to(entry->second, session);
  }
  ShownSessions out;
  for (auto& [key, session] : merged) {
    const int clamped =
        clamp(session.memory_ratio, 1) + clamp(session.sm_percent, 100) + clamp(session.memory_percent, 100);
    if (clamped > 0) out.clamped[session.subject.uuid] += static_cast<std::uint64_t>(clamped);
    out.sums.push_back(std::move(session));
  }
  out.rows = out.sums;
  return out;
}

}  // namespace tessera::agent
