#pragma once
#include <atomic>
#include <stop_token>

#include "agent/options.h"
#include "base/result.h"

namespace tessera::agent {

/// Runs the agent until the stop (or once, with Options::once). `reload` set by anyone makes it read its field CSV
/// again.
Result<void> run(const Options& options, std::stop_token stop, std::atomic<bool>& reload);

}  // namespace tessera::agent
