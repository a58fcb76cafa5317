#pragma once
// The stub's second door, for tests in other processes: what there is and what goes wrong.
#include <vector>

#include "http/server.h"
#include "tests/kube_stub/stub.h"

namespace tessera::kube_stub {

/// `stub` outlives the routes.
std::vector<http::Route> control_routes(Stub& stub);

}  // namespace tessera::kube_stub
