#pragma once
#include <string>
#include <string_view>

#include "base/result.h"
#include "cli/arguments.h"

namespace tessera::cli {

/// What a relay's /targets says, as a table: problems first, then what discovery could not read, and what it left out.
Result<std::string> targets_table(std::string_view json);

/// Asks the relay. Unavailable with what to do where it does not answer.
Result<std::string> get_targets(const GetTargetsCommand& command);

}  // namespace tessera::cli
