#pragma once
// `tessera top`: the fleet in a terminal, as it is now.
#include <stop_token>
#include <string>

#include "cli/fleet_server.h"

namespace tessera::cli {

struct TopCommand {
  ServerPlace server;
  Parameters query;  ///< filters of devices and sessions
  std::string sort = "utilization";
  bool once = false;
  Milliseconds interval{2'000};
};

/// The words of --sort, separated by a bar.
std::string top_sort_keys();

/// Runs until `q` or the stop; once where it is asked for or the output is no terminal.
Result<void> run_top(const TopCommand& command, const std::stop_token& stop);

}  // namespace tessera::cli
