#pragma once
// When devices had XIDs.
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "fleet/inventory/xids.h"
#include "store/database.h"

namespace tessera::store {

/// What is written a second time says nothing new.
Result<void> write_xids(Database& database, std::span<const fleet::XidsSeen> seen);

/// Those of a device in [from, to), the latest first, and of one time by code; the `most` latest. `codes`: of these
/// alone.
Result<std::vector<fleet::XidsSeen>> xids_of(Database& database, std::string_view cluster, std::string_view device_uuid,
                                             EpochMs from, EpochMs to, std::size_t most,
                                             const std::optional<std::vector<unsigned>>& codes = {});

/// Those of all devices from a time on.
Result<std::vector<fleet::XidsSeen>> xids_since(Database& database, EpochMs from);

Result<void> drop_xids_before(Database& database, EpochMs time);

}  // namespace tessera::store
