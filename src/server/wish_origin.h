#pragma once
// Whose a wanted layout is: somebody's who asked for it (POST /gpu/devices/{deviceId}/mig), or nobody's, where the
// server wants it for allocations. A wish that the server makes of somebody's stays his.
#include <algorithm>
#include <string_view>

#include "fleet/allocation/allocation.h"
#include "store/wanted_layouts.h"

namespace tessera::server {

/// In the place of who asked, and in the audit log.
inline constexpr std::string_view kServerName = "tessera-server";

inline bool is_somebodys(const store::WantedLayout& wanted) { return wanted.wanted_by != kServerName; }

/// Whether somebody has asked for what was made for an allocation: it was there when he did.
inline bool was_asked_for(const store::WantedLayout& wanted, const fleet::PodAllocation& one,
                          const fleet::PromisedPart& part) {
  return is_somebodys(wanted) && one.ready_since.value_or(one.since) <= wanted.wanted_since &&
         std::ranges::count(wanted.instances, store::WantedInstance{part.profile, part.placement}) > 0;
}

}  // namespace tessera::server
