#pragma once
#include <string>
#include <vector>

namespace tessera::cli {

/// The program `tessera`: reads the command line, does what it says, prints to standard output, gives the exit status.
/// May end the process itself where a thread is stuck in the driver.
int run(const std::vector<std::string>& arguments);

}  // namespace tessera::cli
