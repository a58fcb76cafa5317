#pragma once
#include <string>

#include "relay/overview.h"

namespace tessera::relay {

/// targets_json() as a page for people, without scripts.
std::string targets_html(const Overview& seen);

}  // namespace tessera::relay
