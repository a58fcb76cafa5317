#pragma once
#include <stop_token>

#include "base/result.h"
#include "operator/options.h"

namespace tessera::operate {

/// The operator in a cluster, until the stop: then it ends within seconds, and gives its lease back.
Result<void> run(const Options& options, const std::stop_token& stop);

}  // namespace tessera::operate
