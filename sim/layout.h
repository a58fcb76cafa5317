// Which GPU instances may lie side by side on one GPU: pure functions over the profile table.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "sim/profiles.h"

namespace tessera::sim {

struct Placed {
  const MigProfile* profile;
  unsigned start;
};

// True if `profile` may be placed at `start` beside what is there: a listed start, a free interval, engines left, and
// not more than the profile's own limit.
bool fits(const MigFamily& family, std::span<const Placed> present, const MigProfile& profile, unsigned start);

// Where the driver itself puts an instance when the caller does not say; nothing when there is no room.
std::optional<unsigned> pick_start(const MigFamily& family, std::span<const Placed> present, const MigProfile& profile);

// How many more of `profile` could be created now.
unsigned remaining_capacity(const MigFamily& family, std::span<const Placed> present, const MigProfile& profile);

// The id that real drivers give a GPU instance: it follows from size and start, so a new instance in an old place gets
// the old id again.
unsigned instance_id(const MigFamily& family, const MigProfile& profile, unsigned start);

// Starts for compute instances of these profiles inside one GPU instance, in the given order; nothing when they do not
// fit.
std::optional<std::vector<unsigned>> lay_out_compute(const MigProfile& instance, std::span<const unsigned> profiles);

}  // namespace tessera::sim
