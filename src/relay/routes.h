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

/// What the routes cannot ask a pipeline.
struct Beside {
  std::function<std::optional<http::ServerStats>()> served;  ///< by the server that they are given to, once it is known
  std::function<std::optional<Membership>()> sharing;
};

/// `running` outlives the routes.
std::vector<http::Route> relay_routes(const Running& running, Beside beside);

}  // namespace tessera::relay
