#pragma once
// Up to when usage is counted that is told no longer: what UsageWriter has noted of it. See
// migrations/0040_usage_counted.sql.
#include <vector>

#include "fleet/inventory/fleet.h"
#include "store/database.h"

namespace tessera::store {

Result<std::vector<fleet::CountedBefore>> counted_usage(Database& database);

/// What was told last so long ago, by the time of its samples.
Result<void> drop_counted_before(Database& database, EpochMs time);

}  // namespace tessera::store
