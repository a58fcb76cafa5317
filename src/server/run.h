#pragma once
#include <stop_token>

#include "base/result.h"
#include "server/options.h"

namespace tessera::server {

/// Serves until stopped.
Result<void> run(const Options& options, std::stop_token stop);

}  // namespace tessera::server
