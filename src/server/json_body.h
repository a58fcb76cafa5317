#pragma once
// Bodies that are JSON.
#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "http/server.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

http::Response json_reply(const http::Request& request, const Json& value);

/// The refusal of a body that is not to be looked at: of another type, or of more than `most` bytes.
std::optional<http::Response> refused_body(const http::Request& request, std::size_t most = 64U << 10U);

}  // namespace tessera::server
