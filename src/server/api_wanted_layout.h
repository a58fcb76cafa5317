#pragma once
// The routes of what devices are to be cut into: asked for, shown, taken back, and told to the agents.
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/access/access.h"
#include "server/keeper.h"
#include "server/wanted_layouts.h"

namespace tessera::server {

/// All of what is given outlives the routes. Not `enabled`: what is wanted may be taken back, and nothing else.
std::vector<http::Route> wanted_layout_routes(const Latest<Published>& fleet, Access& access, WantedLayouts& layouts,
                                              bool enabled, const std::string& api);

}  // namespace tessera::server
