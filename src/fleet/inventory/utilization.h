#pragma once
// How busy devices are, weighted by their size. See gpu/weighting.h for the two denominators.
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/node.h"
#include "gpu/weighting.h"

namespace tessera::fleet {

/// Graphics engine activity of an instance or of a device without MIG, 0 to 1; where an exporter has no profiling
/// fields, the share of time with any kernel running.
std::optional<double> activity(const gpu::Readings& readings);

/// What the whole device weighs: what its driver says, else what its model is known to have, else 1 for a device that
/// cannot be cut. Absent for SMs that nobody tells.
std::optional<double> whole_weight(const Device& device, gpu::Weight weight);

/// A device's instances, or the device itself outside MIG mode, for a mean. `of_pod`: only what this pod holds.
std::vector<gpu::Share> shares_of(const Device& device, gpu::Weight weight);

struct Utilization {
  std::optional<gpu::Mean> allocated;
  std::optional<gpu::Mean> device;
  std::optional<double> simple;  ///< the unweighted mean over instances
};
Utilization utilization_of(const Device& device, gpu::Weight weight);

/// A mean over devices weighted by their whole size, device by device; what is not known is left out and lowers the
/// coverage.
class FleetMean {
 public:
  void add(const Device& device, gpu::Weight weight);
  std::optional<gpu::Mean> device() const { return mean(busy_, known_, weight_); }
  std::optional<gpu::Mean> allocated() const { return mean(allocated_busy_, allocated_known_, allocated_weight_); }
  std::optional<double> simple() const { return count_ == 0 ? std::nullopt : std::optional(simple_sum_ / count_); }
  double weight() const { return weight_; }

 private:
  static std::optional<gpu::Mean> mean(double busy, double known, double weight);
  double busy_ = 0, known_ = 0, weight_ = 0;
  double allocated_busy_ = 0, allocated_known_ = 0, allocated_weight_ = 0;
  double simple_sum_ = 0;
  unsigned count_ = 0;
};

}  // namespace tessera::fleet
