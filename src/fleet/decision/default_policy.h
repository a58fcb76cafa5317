#pragma once
// Our own policy: a place costs what the room that it takes is worth, in money.
#include "fleet/decision/policy.h"

namespace tessera::fleet::decision {

std::unique_ptr<Policy> default_policy(Mix mix);

}  // namespace tessera::fleet::decision
