#pragma once
// What devices are to be cut into.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/inventory/node.h"
#include "store/database.h"

namespace tessera::store {

struct WantedInstance {
  std::string profile;  ///< "2g.20gb"
  gpu::Placement placement;
  bool operator==(const WantedInstance&) const = default;
};

struct WantedLayout {
  std::string cluster;
  std::string device_uuid;
  std::string node;
  std::int64_t generation = 0;  ///< of all devices, growing
  std::vector<WantedInstance> instances{};
  std::vector<WantedInstance> planned_from{};  ///< what stood when it was planned; empty once all of it is done
  std::string wanted_by{};                     ///< who asked for it
  EpochMs wanted_since = 0;
  bool operator==(const WantedLayout&) const = default;
};

/// By cluster and device.
Result<std::vector<WantedLayout>> wanted_layouts(Database& database);

/// The last generation that was given; 0 before the first.
Result<std::int64_t> last_layout_generation(Database& database);

/// How many epochs documents are ahead of the servers' own: 0 unless this database took the place of a newer one.
Result<std::int64_t> layout_epochs_ahead(Database& database);

/// In a transaction of the caller's: from now on wishes get later generations than this one, and documents are ahead by
/// so many epochs more.
Result<void> skip_layout_numbers(Database& database, std::int64_t generation, std::int64_t epochs);

/// In a transaction of the caller's: takes the place of what was wanted of that device, and gets the next generation,
/// which is returned.
Result<std::int64_t> want_layout(Database& database, const WantedLayout& layout);

/// What was planned from is gone, so what comes to stand there from now on is somebody else's. It changes nothing where
/// that generation is not the one that is wanted any longer.
Result<void> settle_wanted_layout(Database& database, const WantedLayout& layout);

/// Nothing is wanted of it any longer; false where nothing was.
Result<bool> forget_wanted_layout(Database& database, std::string_view cluster, std::string_view device_uuid);

/// `2g.20gb 0+2|1g.10gb 2+1`; empty for none.
std::string instances_text(const std::vector<WantedInstance>& instances);
/// Of what instances_text() has written; what is not of its form is left out.
std::vector<WantedInstance> read_instances(std::string_view text);

}  // namespace tessera::store
