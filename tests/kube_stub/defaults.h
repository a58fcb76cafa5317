#pragma once
#include <nlohmann/json_fwd.hpp>

namespace tessera::kube_stub {

/// Some of what a real API server writes into workloads and services beside what was sent, and one amount in its own
/// form: whoever compares an object with what he sent meets them.
void set_defaults(nlohmann::json& object);

}  // namespace tessera::kube_stub
