#pragma once
// What one collection of the agent, and the driver's own list of GPU instances, say about how the devices are cut.
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "agent/layout/state.h"
#include "agent/observation.h"
#include "nvml/mig_writer.h"

namespace tessera::agent::layout {

/// By UUID of the device. The collection alone does not know GPU instances without a compute instance.
using Listed = std::map<std::string, Result<std::vector<nvml::StandingInstance>>>;

/// Whether the driver's list is wanted: the device answers, and is in MIG mode.
bool to_be_listed(const gpu::Device& device);

/// All devices, by index. Nothing is taken for idle that could not be looked into: see `unknown` and `holders_unknown`.
std::vector<DeviceState> states_of(const Observation& seen, const Listed& listed);

/// Since when each instance is held by whom it is held, or idle. One of them, over the time that this program runs.
class Tenure {
 public:
  /// Fills `since` of all.
  void note(std::vector<DeviceState>& devices, EpochMs now);

 private:
  struct Known {
    HeldBy held_by;
    std::string holder;
    EpochMs since;
  };
  using Key = std::tuple<std::string, unsigned, std::string>;  // UUID, GPU instance, and what stands under its number
  std::map<Key, Known> known_;
};

}  // namespace tessera::agent::layout
