#pragma once
// The routes of what devices are to be cut into: asked for, shown, taken back, and told to the agents.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/latest.h"
#include "fleet/allocation/book.h"
#include "http/server.h"
#include "server/access/access.h"
#include "server/keeper.h"
#include "server/wanted_layouts.h"

namespace tessera::server {

/// What is promised to pods, which a layout keeps.
using Promised = std::function<std::shared_ptr<const fleet::AllocationBook>()>;

/// All of what is given outlives the routes. Not `enabled`: what is wanted may be taken back, and nothing else.
std::vector<http::Route> wanted_layout_routes(const Latest<Published>& fleet, Access& access, WantedLayouts& layouts,
                                              Promised promised, bool enabled, const std::string& api);

}  // namespace tessera::server
