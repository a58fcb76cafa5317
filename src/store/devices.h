#pragma once
// Devices as they were last seen, and what each was cut into over time.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/inventory/layout.h"
#include "store/database.h"

namespace tessera::store {

Result<void> write_device(Database& database, const fleet::Remembered& one);

/// With the instances of their last layouts.
Result<std::vector<fleet::Remembered>> remembered_devices(Database& database);

/// take(device) for each that is kept, whether it is listed still or not; without instances.
Result<void> each_device_seen(Database& database, const std::function<void(fleet::Remembered)>& take);
/// When the first of them was seen first; absent where there are none.
Result<std::optional<EpochMs>> first_device_seen(Database& database);
/// Those with this UUID: one in each cluster at most.
Result<std::vector<fleet::Remembered>> devices_seen(Database& database, std::string_view device_uuid);

/// One that is as the last one of its device was says nothing new, and so does one that is older than it.
Result<void> write_layout(Database& database, const fleet::LayoutSeen& seen);

struct LayoutInterval {
  EpochMs began = 0;
  std::optional<EpochMs> ended;  ///< absent: it holds
  fleet::LayoutSeen layout;
};
/// Those that held at any time of [from, to), the earliest first.
Result<std::vector<LayoutInterval>> layouts_of(Database& database, std::string_view cluster,
                                               std::string_view device_uuid, EpochMs from, EpochMs to);

/// Devices that were last seen before `time`, and layouts that had ended by then or are of no device that is kept.
Result<void> drop_old_devices(Database& database, EpochMs time);

}  // namespace tessera::store
