#pragma once
// The operator's command line.
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"

namespace tessera::operate {

struct Options {
  std::string file;     ///< with a GpuMonitor, to print what it comes to
  unsigned minor = 30;  ///< of the Kubernetes version 1.MINOR that it is printed for
};

/// What to print and exit 0 with: --help, --version and --crd.
struct Text {
  std::string text;
};

/// Invalid with what was wrong, what would be right, and for an unknown flag the nearest known one.
Result<std::variant<Options, Text>> parse_options(const std::vector<std::string>& arguments);

}  // namespace tessera::operate
