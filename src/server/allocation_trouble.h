#pragma once
// Why what was promised will not come about: by the word of the agent that is to cut it, and by the course of its node.
#include <optional>
#include <string>

#include "fleet/allocation/allocation.h"
#include "server/keeper.h"
#include "server/wanted_layouts.h"

namespace tessera::server {

/// For so long a node may wait for what may never come, such as an agent that asks.
inline constexpr Milliseconds kBlockedFor{10 * 60'000};

/// Of a part that is to be cut; absent where it may still be.
std::optional<std::string> why_not_cut(const WantedLayouts& layouts, const std::string& cluster,
                                       const fleet::PromisedPart& part, EpochMs now);
/// Of one that stands: why no pod can be given it. Absent where one can, or where that may still come.
std::optional<std::string> why_not_given(const WantedLayouts& layouts, const std::string& cluster,
                                         const fleet::PromisedPart& part, const Published& known);

}  // namespace tessera::server
