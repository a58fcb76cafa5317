// tessera-sim's commands that speak to the driver library itself, as any program would: through dlopen and the exported
// calls.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/library.h"
#include "sim/outcome.h"

namespace tessera::sim {

// Each returns the text to print.
Outcome<std::string> show(const Library& library);

Outcome<std::string> mig_list(const Library& library, std::optional<unsigned> gpu);
Outcome<std::string> mig_profiles(const Library& library, unsigned gpu);

struct MigCreate {
  unsigned gpu = 0;
  std::string profile;
  std::optional<unsigned> start;
  std::vector<std::string> compute;  // "1c", "2c"; empty: one over the whole instance
  bool no_compute = false;
};
Outcome<std::string> mig_create(const Library& library, const MigCreate& wanted);
// Without a compute instance: all of them, then the GPU instance.
Outcome<std::string> mig_destroy(const Library& library, unsigned gpu, unsigned gi, std::optional<unsigned> ci);
Outcome<std::string> mig_mode(const Library& library, unsigned gpu, bool on);

}  // namespace tessera::sim
