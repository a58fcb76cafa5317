#pragma once
// What a GpuMonitor would come to, as text.
#include <string>
#include <string_view>

#include "operator/options.h"
#include "operator/plan.h"

namespace tessera::operate {

/// The plan's objects as YAML documents, after comments on what is made otherwise and what is not done.
std::string plan_text(const Plan& plan);

/// plan_text() of a file's GpuMonitor.
Result<std::string> dry_run(const Options& options);

}  // namespace tessera::operate
