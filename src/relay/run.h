#pragma once
#include <atomic>
#include <stop_token>

#include "base/result.h"
#include "relay/options.h"

namespace tessera::relay {

/// Does what the mode says: serves until the stop, or prints and returns. `reload` is set by SIGHUP.
Result<void> run(const Options& options, std::stop_token stop, std::atomic<bool>& reload);

}  // namespace tessera::relay
