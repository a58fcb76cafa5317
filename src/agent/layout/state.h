#pragma once
// How the devices of this node are cut now, and who uses what: plain values, as far as a layout has to do with them.
#include <compare>
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "gpu/device.h"

namespace tessera::agent::layout {

/// A GPU instance as a layout names it: of this profile, at this placement.
struct Place {
  gpu::Placement placement{};
  std::string profile{};  ///< "1g.10gb"
  auto operator<=>(const Place&) const = default;
};
/// "1g.10gb at 0:1": start and size on the memory-slice axis.
std::string text_of(const Place& place);

enum class HeldBy { Nobody, Process, Pod, Both };

struct ComputeInstance {
  unsigned id = 0;
  std::string profile{};  ///< "1g.10gb", or "1c.3g.40gb" where it is a part
  std::string uuid{};     ///< "MIG-…"
  bool operator==(const ComputeInstance&) const = default;
};

/// A GPU instance that stands.
struct Standing {
  Place place{};
  unsigned gpu_instance = 0;  ///< the driver's number, given anew to others
  std::vector<ComputeInstance> compute_instances{};
  HeldBy held_by = HeldBy::Nobody;
  std::string holder{};  ///< "namespace/pod"; empty where nobody holds it, or nobody knows who does
  EpochMs since = 0;     ///< of the holding, or of the idleness, as far as this program has seen it; 0: not known
  bool operator==(const Standing&) const = default;
};

struct DeviceState {
  unsigned index = 0;
  std::string uuid{};  ///< "GPU-…"
  std::string name{};
  std::optional<bool> mig{};      ///< the mode now; absent: no MIG
  std::optional<bool> pending{};  ///< the mode after a reset
  bool mode_needs_reset = true;   ///< before Hopper
  bool busy = false;              ///< a process or a holder on the device itself
  std::vector<gpu::Profile> profiles{};
  std::vector<Standing> instances{};  ///< by placement
  /// One sentence where the above is not sure; nothing is done to the device then.
  std::string unknown{};
  /// One sentence where nobody can say who holds what; nothing is taken away from anybody then.
  std::string holders_unknown{};
};

}  // namespace tessera::agent::layout
