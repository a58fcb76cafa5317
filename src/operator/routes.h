#pragma once
#include <functional>
#include <vector>

#include "http/server.h"
#include "operator/controller.h"
#include "operator/counts.h"

namespace tessera::operate {

/// /metrics, /livez, /readyz. What is passed outlives the routes.
std::vector<http::Route> operator_routes(const Controller& controller, const Counts& counts,
                                         std::function<bool()> leads);

}  // namespace tessera::operate
