#pragma once
// Sessions that have ended.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "store/database.h"

namespace tessera::store {

/// A session that is there already is continued: its end and peak grow. What is told of it twice counts once.
Result<void> write_session(Database& database, const fleet::Ended& one);

struct SessionFilter {
  std::optional<EpochMs> from;  ///< ended at or after
  std::optional<EpochMs> to;    ///< begun at or before
  std::string device_uuid;      ///< empty: any
  std::string space;            ///< namespace; empty: any
  std::string pod;
  std::size_t limit = 100;
};

/// The latest end first.
Result<std::vector<fleet::Ended>> past_sessions(Database& database, const SessionFilter& filter);

/// Drops sessions that ended before; returns how many.
Result<std::uint64_t> drop_sessions_before(Database& database, EpochMs time);

}  // namespace tessera::store
