#pragma once
// What usage/ has counted, as posting.h takes it.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "fleet/cost/posting.h"
#include "fleet/usage/totals.h"

namespace tessera::fleet {

/// What was counted of one subject between two times.
struct SubjectSlot {
  std::int64_t subject = 0;
  std::optional<unsigned> gpu_instance;  ///< absent: the device itself
  Slices slices;
  Totals totals;
  std::int64_t replicas = 1;
  std::vector<Tenant> tenants;
};

/// One device and the instances that it had. `slots` has its own subject once at most; without it, the device was not
/// observed but for what its instances were.
DeviceUsage device_usage(std::int64_t device, const Slices& whole, EpochMs from, EpochMs to,
                         std::vector<SubjectSlot> slots);

/// Of a device with this much memory, as marketed: eighths of it, and compute slices as the driver counts them.
Slices whole_slices(std::optional<unsigned> compute_slices, unsigned catalogue_slices);
/// Of "2g.20gb" and the like, on a device of `memory_gib`. `compute_slices`: what the driver tells. Absent for what is
/// no profile.
std::optional<Slices> profile_slices(std::string_view profile, std::optional<unsigned> compute_slices,
                                     unsigned memory_gib);

}  // namespace tessera::fleet
