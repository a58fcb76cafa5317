#pragma once
#include <stop_token>
#include <string>

#include "base/result.h"
#include "server/options.h"

namespace tessera::server {

/// Where what is kept is kept.
Result<std::string> database_url(const Options& options);

/// Serves until stopped.
Result<void> run(const Options& options, std::stop_token stop);

}  // namespace tessera::server
