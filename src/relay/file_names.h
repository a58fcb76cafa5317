#pragma once
#include <string>
#include <vector>

namespace tessera::relay {

/// The files that a path names whose last part may hold one `*`, sorted; a path without one names itself.
std::vector<std::string> files_named(const std::string& pattern);

}  // namespace tessera::relay
