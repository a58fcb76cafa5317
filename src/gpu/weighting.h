#pragma once
// Utilization of a partitioned device: instances of different size, each with a ratio of its own, seen as one number.
// Two numbers answer two questions: `allocated`, how busy is what was handed out (its denominator is the instances),
// and `device`, how busy is the hardware (its denominator is the whole device, whose unallocated part counts as idle).
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "gpu/device.h"

namespace tessera::gpu {

/// What an instance weighs. Compute slices exist everywhere but are nominal: SMs are exact where the driver tells them.
enum class Weight { ComputeSlices, Sm };

/// "compute_slices", "sm": as named in every output.
std::string_view weight_name(Weight weight);

/// One instance's part in a mean.
struct Share {
  std::optional<double> utilization;  ///< 0..1; absent: not known
  double weight = 0;
};

/// A weighted mean, and how much of its denominator was known. An instance without a reading is left out of numerator
/// and denominator alike: it is neither idle nor as busy as the others. So with a coverage below 1 this is the mean of
/// the known part, for allocated and device alike, and the identity device = allocated * (sum of weights) / whole holds
/// between the known weights.
struct Mean {
  double ratio = 0;      ///< 0..1
  double coverage = 0;   ///< known part of the denominator, 0 < coverage <= 1
  unsigned clamped = 0;  ///< utilizations outside 0..1 that were taken as the nearest of the two
  bool operator==(const Mean&) const = default;
};

/// Over the given instances: all of a device, or those that one pod holds. Absent if none has a reading.
std::optional<Mean> allocated_mean(std::span<const Share> shares);

/// Over the whole device, which weighs `whole`. Without instances it is 0, as nothing can run; absent if there are some
/// but none has a reading, or if the whole weighs nothing.
std::optional<Mean> device_mean(std::span<const Share> shares, double whole);

/// A device's instances with `reading` as utilization. A compute instance weighs its own slices or SMs, so several of
/// one GPU instance share its weight, and slices that none of them holds count as unallocated. Absent if the driver
/// does not tell what an instance weighs: a mean over some of them would pass for one over all.
std::optional<std::vector<Share>> shares(const Device& device, Weight weight, Reading reading);

/// What the whole device weighs.
std::optional<double> whole_weight(const Device& device, Weight weight);

}  // namespace tessera::gpu
