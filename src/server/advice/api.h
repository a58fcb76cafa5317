#pragma once
// /advice: what could be had for less, and what somebody makes of it.
#include <string>
#include <vector>

#include "http/server.h"
#include "server/advice/advisor.h"

namespace tessera::server {

/// What is given outlives the routes.
std::vector<http::Route> advice_routes(Advisor& advisor, const std::string& api);

}  // namespace tessera::server
