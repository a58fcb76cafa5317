// tessera-sim's own settings: the YAML file that --config names, and the form in which it complains.
#pragma once

#include <string>

#include "sim/outcome.h"

namespace tessera::sim {

// Empty where the file says nothing.
struct Settings {
  std::string scenario, state, node, library, log_format;
};
Outcome<Settings> load_settings(const std::string& file);

// A line for standard error, as text or as one JSON object with the keys of the other programs.
std::string complaint(const std::string& what, bool json);

}  // namespace tessera::sim
