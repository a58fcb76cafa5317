#pragma once
// Sessions that have ended, and those that run as they were last noted.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "store/database.h"

namespace tessera::store {

/// A session that is there already is continued: its end and peak grow. What is told of it twice counts once.
Result<void> write_session(Database& database, const fleet::Ended& one);

/// What is empty does not filter.
struct SessionFilter {
  std::optional<EpochMs> from;  ///< ended at or after
  std::optional<EpochMs> to;    ///< begun at or before
  std::optional<std::string> cluster;
  std::vector<std::string> nodes;
  std::vector<std::string> devices;  ///< ids or UUIDs
  std::vector<std::string> spaces;   ///< namespaces
  std::string pod;                   ///< name or UID
  std::string command;               ///< a part of it, in lower case
  std::vector<std::string> attributions;
  std::string search;  ///< a part of command, namespace, pod, device id or UUID, in lower case
};

/// Where a session is in their order.
struct SessionPlace {
  EpochMs ended = 0;
  std::string cluster;
  std::string device_uuid;
  std::int64_t gpu_instance = 0;
  std::int64_t compute_instance = 0;
  std::int64_t pid = 0;
  EpochMs started = 0;
};
SessionPlace place_of(const fleet::Ended& one);

/// At most `limit` of them, the latest end first; those behind `after` where it is given.
Result<std::vector<fleet::Ended>> past_sessions(Database& database, const SessionFilter& filter, std::size_t limit,
                                                const std::optional<SessionPlace>& after = std::nullopt);
Result<std::uint64_t> count_sessions(Database& database, const SessionFilter& filter);

/// Drops sessions that ended before; returns how many.
Result<std::uint64_t> drop_sessions_before(Database& database, EpochMs time);

/// A session that runs, by a number that whoever writes gives it. What it is by now stands only in memory.
struct RunningSession {
  std::int64_t id = 0;
  fleet::Running running;
};

/// What has changed of those that run.
struct RunningChanges {
  std::vector<RunningSession> now;  ///< new ones, and those that are otherwise than they were noted
  std::vector<std::int64_t> gone;   ///< that run no longer
  bool empty() const { return now.empty() && gone.empty(); }
};
Result<void> write_running(Database& database, const RunningChanges& changes);
Result<std::vector<RunningSession>> running_sessions(Database& database);

}  // namespace tessera::store
