#pragma once
// The command line of an experiment: help, version, or what it wants.
#include <fmt/format.h>

#include <functional>
#include <string>

#include "base/result.h"
#include "config/command_line.h"

namespace tessera::bench {

/// `command` has what is to be set, `run` what follows. The exit status: 0, 1 for a failure, 2 for a wrong command
/// line.
inline int main_of(config::CommandLine& command, int argc, char** argv, const std::string& program,
                   const std::function<Result<void>()>& run) {
  const auto shown = command.parse({argv + 1, argv + argc});
  if (!shown) return fmt::print(stderr, "{}: {}\n", program, shown.error().what), 2;
  if (*shown) return fmt::print("{}", **shown), 0;
  const auto ran = run();
  if (!ran) fmt::print(stderr, "{}: {}\n", program, ran.error().what);
  return ran ? 0 : 1;
}

}  // namespace tessera::bench
