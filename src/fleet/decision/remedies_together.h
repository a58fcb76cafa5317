#pragma once
// What would help where several devices are asked for. One that would do is not enough there: each remedy is tried, on
// the devices that it is about and on those that would do already, and told where they are enough together.
#include <vector>

#include "fleet/decision/refusal.h"

namespace tessera::fleet::decision {

/// At most so many tries of each kind, however many devices there are.
std::vector<Remedy> remedies_together(const Supply& supply, const Need& need, Failures failures, Policy& policy,
                                      const Scope& scope);

}  // namespace tessera::fleet::decision
