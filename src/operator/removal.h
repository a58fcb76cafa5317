#pragma once
// Takes a GpuMonitor away and waits for the operator to have taken away what it made: what an uninstall begins with,
// while the operator still runs and still has its rights.
#include <stop_token>

#include "base/result.h"
#include "operator/options.h"

namespace tessera::operate {

/// Returns once the resource `options.remove` is gone, or was not there (nor its definition). Denied with the missing
/// right; NotFound where this is no pod; Unavailable after `patience` or at a stop, with what the resource waits for.
Result<void> remove_monitor(const Options& options, const std::stop_token& stop,
                            Milliseconds patience = std::chrono::minutes(3));

}  // namespace tessera::operate
