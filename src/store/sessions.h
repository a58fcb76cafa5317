#pragma once
// The past: sessions that have ended, and how far the journal has been worked off. Both in one transaction, so that a
// restart counts nothing twice.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "store/database.h"

namespace tessera::store {

/// Writes the sessions and the position together. A session that is there already is continued: its end and peak grow.
Result<void> commit(Database& database, const std::vector<fleet::Ended>& sessions, std::uint64_t journal_sequence);

/// Up to and with this record of the journal everything is in the database.
Result<std::uint64_t> journal_position(Database& database);

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
