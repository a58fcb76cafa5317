#pragma once
// Replies that say no, as RFC 9457 has them.
#include <string>
#include <string_view>

#include "http/server.h"

namespace tessera::server {

/// `application/problem+json` with type, title, status and detail. `detail` says what was tried, on what, and what to
/// do.
http::Response problem(int status, std::string_view detail);

}  // namespace tessera::server
