#pragma once
// The relay's HTTP interface: what it scrapes and why, what it has sent, how it is.
#include <functional>
#include <optional>
#include <vector>

#include "http/server.h"
#include "relay/overview.h"
#include "relay/running.h"

namespace tessera::relay {

/// What `running` knows now; `started` is the process' start.
Overview look_at(const Running& running, EpochMs started);

/// `running` outlives the routes. `served` is what the server that they are given to has done, once it is known.
std::vector<http::Route> relay_routes(const Running& running, std::function<std::optional<http::ServerStats>()> served);

}  // namespace tessera::relay
