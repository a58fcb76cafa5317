#pragma once
#include <string>

#include "base/result.h"
#include "http/server.h"

namespace tessera::http {

/// Options of a server at `address`, with the TLS, users and headers of a web configuration file (config/web_config.h)
/// where its path is not empty.
Result<ServerOptions> web_options(std::string address, const std::string& web_config);

}  // namespace tessera::http
