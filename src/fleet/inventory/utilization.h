#pragma once
// How busy devices are, weighted by their size. See gpu/weighting.h for the two denominators.
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "fleet/inventory/parts.h"
#include "gpu/weighting.h"

namespace tessera::fleet {

/// Graphics engine activity of an instance or of a device without MIG, 0 to 1; where an exporter has no profiling
/// fields, the share of time with any kernel running.
std::optional<double> activity(const gpu::Readings& readings);

/// What the whole device weighs: what its driver says, else what its model is known to have, else 1 for a device that
/// cannot be cut. Absent for SMs that nobody tells.
std::optional<double> whole_weight(const Device& device, gpu::Weight weight);

/// What a part weighs; absent where nobody tells.
std::optional<double> part_weight(const Device& device, const DevicePart& part, gpu::Weight weight);

/// Means over any number of devices and parts of them, summed device by device. What is not known is left out and
/// lowers the coverage.
class UtilizationSum {
 public:
  UtilizationSum() = default;
  explicit UtilizationSum(gpu::Weight weight) : weight_(weight) {}

  void add(const Device& device) { add(device, parts_of(device)); }
  /// These parts alone; the whole device is what they are a share of.
  void add(const Device& device, std::span<const DevicePart> parts);
  void add(const UtilizationSum& other);

  std::optional<gpu::Mean> device() const { return mean(busy_, known_, whole_); }
  std::optional<gpu::Mean> allocated() const { return mean(allocated_busy_, allocated_known_, parts_); }
  /// Every part alike, however large.
  std::optional<double> simple() const;
  gpu::Weight weight() const { return weight_; }
  double device_weight() const { return whole_; }
  double allocated_weight() const { return parts_; }
  /// "graphics_engine", "gpu_util" or "mixed"; empty where nothing is told.
  std::string_view source() const;
  bool operator==(const UtilizationSum&) const = default;

 private:
  std::optional<gpu::Mean> mean(double busy, double known, double all) const;

  gpu::Weight weight_ = gpu::Weight::ComputeSlices;
  double busy_ = 0, known_ = 0, whole_ = 0;                      ///< over whole devices
  double allocated_busy_ = 0, allocated_known_ = 0, parts_ = 0;  ///< over the parts
  double simple_ = 0;                                            ///< sum of activities
  std::uint64_t by_engine_ = 0, by_util_ = 0;                    ///< activities by where they come from
  std::uint64_t devices_ = 0, weighed_ = 0;
};

}  // namespace tessera::fleet
