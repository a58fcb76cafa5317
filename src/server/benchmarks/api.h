#pragma once
// /benchmarks: runs are listed, taken in, given out and dropped, compared, and watched for what has become slower.
#include <string>
#include <vector>

#include "http/server.h"
#include "server/benchmarks/benchmarks.h"

namespace tessera::server {

/// `benchmarks` outlives the routes.
std::vector<http::Route> benchmark_routes(Benchmarks& benchmarks, const std::string& api);

}  // namespace tessera::server
