#pragma once
#include <stop_token>

#include "agent/options.h"
#include "base/result.h"

namespace tessera::agent::layout {

/// `tessera-agent layout`: tells the server how this node's devices are cut, and cuts them as it wants, until the stop.
/// It ends within ten seconds, after the step that is under way; a step that the server has not heard of is told first.
Result<void> run(const Options& options, std::stop_token stop);

}  // namespace tessera::agent::layout
