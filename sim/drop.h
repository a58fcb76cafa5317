// A copy of the library that really lacks some functions: dlsym does not find them.
#pragma once

#include <string>
#include <vector>

#include "sim/outcome.h"

namespace tessera::sim {

// Writes `directory`/libnvidia-ml.so.1 and returns its path. A name that the library does not export is an error.
Outcome<std::string> drop_symbols(const std::string& library, const std::vector<std::string>& symbols,
                                  const std::string& directory);

}  // namespace tessera::sim
