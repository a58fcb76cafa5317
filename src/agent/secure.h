#pragma once
#include "agent/options.h"
#include "base/result.h"
#include "http/server.h"

namespace tessera::agent {

/// Address, and TLS and users from the web configuration file where one is given.
Result<http::ServerOptions> server_options(const Options& options);

}  // namespace tessera::agent
