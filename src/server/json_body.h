#pragma once
// Bodies that are JSON.
#include <optional>

#include "http/server.h"

namespace tessera::server {

/// The refusal of a body that is not to be looked at: of another type, or too large.
std::optional<http::Response> refused_body(const http::Request& request);

}  // namespace tessera::server
