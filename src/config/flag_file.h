#pragma once
// Settings from a file whose keys are the flags of a command line: --log-format is logFormat.
#include <string>
#include <vector>

#include "base/result.h"

namespace CLI {
class Option;
}

namespace tessera::config {

/// Gives those of `options` that were not on the command line the values of the YAML file, which may name all of them
/// but help, version and config itself; null is as if the key were not there. Invalid with file, line and column for an
/// unknown key, naming the nearest known one, and for a value that the flag would not take.
Result<void> apply_flag_file(const std::string& path, const std::vector<CLI::Option*>& options);

}  // namespace tessera::config
