#pragma once
#include <string_view>

namespace tessera::server {

/// docs/api/openapi.yaml.
std::string_view openapi_yaml();

}  // namespace tessera::server
