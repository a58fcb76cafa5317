#pragma once
// What the driver told when it was asked once: plain values, so that the checks on them need no driver.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "gpu/device.h"
#include "nvml/api.h"

namespace tessera::cli {

/// Something that the loaded driver library has no function for.
struct Lacking {
  std::string_view what;   ///< "MIG placements"
  std::string_view since;  ///< the driver branch that brought it: "R470"
  bool essential = false;  ///< the agent has little to say without it
  bool operator==(const Lacking&) const = default;
};

struct DriverSight {
  std::optional<Error> failure;  ///< why there is nothing below
  std::string path;              ///< of the loaded library
  gpu::Driver driver;
  std::optional<unsigned> counted;  ///< devices that the driver counts, also those that may not be opened
  std::vector<Lacking> lacking;
  std::vector<gpu::Device> devices;
  /// GPU instances by device index, with and without compute instances; absent where the driver refuses to list them.
  std::map<unsigned, std::vector<unsigned>> gpu_instances;
  bool left_behind = false;  ///< a thread may still be in the driver: end the process without the driver's own clean-up
};

/// What `api` has no function for, from a table of what the agent uses.
std::vector<Lacking> lacking_in(const nvml::Api& api);

/// Loads the driver, collects once, and lets go of it. A hung device costs `patience` once more.
DriverSight look_at_driver(const std::string& library, Milliseconds patience);

}  // namespace tessera::cli
