#pragma once
// From what a device is cut into to what it is to be cut into: which instances stay, which go, which come, and where.
// Pure; legality is by the placements that the device's driver offers (gpu/geometry.h).
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "fleet/inventory/node.h"
#include "gpu/geometry.h"

namespace tessera::fleet {

/// A GPU instance that stands.
struct Standing {
  gpu::Placed placed;
  std::string held_by{};  ///< "namespace/pod", or "process 4711": it must not be touched; empty: it is idle
};

struct PartitionStep {
  bool create = false;  ///< else it is destroyed
  gpu::Placed placed;
};

struct Partition {
  gpu::Layout layout;                ///< in the end, by start
  std::vector<PartitionStep> steps;  ///< in an order in which each is legal: what goes first, then what comes
};

/// A layout of exactly the `wanted` profiles (by Profile::id) that keeps every instance that somebody has. Of those
/// that are possible, the one that destroys least; among these the one that begins lowest, so that the same question
/// has the same answer. Invalid where the driver allows no such layout at all; Unavailable, naming who is in the way,
/// where it would be legal on an idle device.
Result<Partition> plan_partition(std::span<const gpu::Profile> profiles, std::span<const Standing> standing,
                                 std::vector<unsigned> wanted);

/// Room for one instance at one place: of the instances that nobody has, those go that it cannot stand beside, and no
/// others. No steps where it stands already and nobody has it. Invalid where the driver offers no such place;
/// Unavailable, naming who is in the way, where somebody is.
Result<Partition> make_room(std::span<const gpu::Profile> profiles, std::span<const Standing> standing,
                            gpu::Placed placed);

/// The GPU instances of a device, with who has them. Unavailable where a placement or a profile is not known: the
/// driver tells placements to root alone, and other exporters tell none.
Result<std::vector<Standing>> standing_of(const Device& device);

/// Before Hopper the MIG mode changes with a reset of the device; so it is taken to be where nobody tells which it is.
bool mode_needs_reset(const Device& device);

/// "2g.20gb" of `H100_2G20GB`, `h100_2g20gb` or `2g.20gb` among the profiles of a device of this model; NotFound names
/// those that there are.
Result<unsigned> profile_wanted(std::span<const gpu::Profile> profiles, std::string_view model_key,
                                std::string_view word);

}  // namespace tessera::fleet
