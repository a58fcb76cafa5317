#pragma once
// The legal layouts of a MIG device, from the profiles and placements that its driver offers. A set of GPU instances is
// legal if each stands at a placement of its profile, no two overlap, and no profile has more instances than it may.
// Counting free slices is not enough: 1g at 0 and at 4 leave five of seven, and yet no place for a 3g.
#include <optional>
#include <span>
#include <vector>

#include "gpu/device.h"

namespace tessera::gpu {

/// A GPU instance in a layout.
struct Placed {
  unsigned profile = 0;  ///< Profile::id
  Placement placement;
  auto operator<=>(const Placed&) const = default;
};

/// By start.
using Layout = std::vector<Placed>;

bool overlap(Placement a, Placement b);

/// Whether an instance of `profile` may be created at `placement` beside `taken`. All of `taken` are of `profiles`.
bool fits(std::span<const Profile> profiles, std::span<const Placed> taken, const Profile& profile,
          Placement placement);

/// Where an instance of `profile` may be created beside `taken`; absent if the driver does not tell its placements.
std::optional<std::vector<Placement>> free_placements(std::span<const Profile> profiles, std::span<const Placed> taken,
                                                      const Profile& profile);

/// How many more instances of `profile` alone can be created beside `taken`; absent as above.
std::optional<unsigned> remaining_capacity(std::span<const Profile> profiles, std::span<const Placed> taken,
                                           const Profile& profile);

/// Every legal layout that keeps all of `taken`, `taken` itself included. There are some hundred on a device of eight
/// memory slices, and a few thousand where profiles have variants.
std::vector<Layout> layouts(std::span<const Profile> profiles, std::span<const Placed> taken = {});

/// Whether nothing more can be created.
bool is_maximal(std::span<const Profile> profiles, std::span<const Placed> layout);

/// The GPU instances of a device, one for all compute instances that share it; absent if one's placement or profile is
/// not known.
std::optional<Layout> layout_of(const Device& device);

}  // namespace tessera::gpu
