#pragma once
// Why nothing serves a need, and what would help.
#include <span>

#include "fleet/decision/options.h"

namespace tessera::fleet::decision {

/// `failures` by candidate. Those that would do alone have Cause::Together.
Refusal refuse(const Supply& supply, const Need& need, std::span<const Failure> failures);

}  // namespace tessera::fleet::decision
