#include "gpu/weighting.h"

#include <algorithm>
#include <cmath>

namespace tessera::gpu {
namespace {

struct Sums {
  double busy = 0;     ///< of utilization * weight
  double known = 0;    ///< of the weights with a reading
  double unknown = 0;  ///< of the weights without
  unsigned clamped = 0;
};

Sums sums(std::span<const Share> shares) {
  Sums out;
  for (const auto& share : shares) {
    if (!share.utilization || std::isnan(*share.utilization)) {
      out.unknown += share.weight;
      continue;
    }
    const double ratio = std::clamp(*share.utilization, 0.0, 1.0);
    if (ratio != *share.utilization) ++out.clamped;
    out.busy += ratio * share.weight;
    out.known += share.weight;
  }
  return out;
}

}  // namespace

std::string_view weight_name(Weight weight) { return weight == Weight::Sm ? "sm" : "compute_slices"; }

std::optional<Mean> allocated_mean(std::span<const Share> shares) {
  const Sums sum = sums(shares);
  if (sum.known <= 0) return std::nullopt;
  return Mean{sum.busy / sum.known, sum.known / (sum.known + sum.unknown), sum.clamped};
}

std::optional<Mean> device_mean(std::span<const Share> shares, double whole) {
  const Sums sum = sums(shares);
  const double known = whole - sum.unknown;  // what is unallocated is known: it is idle
  if (known <= 0 || (sum.known <= 0 && sum.unknown > 0)) return std::nullopt;
  return Mean{sum.busy / known, known / whole, sum.clamped};
}

std::optional<std::vector<Share>> shares(const Device& device, Weight weight, Reading reading) {
  std::vector<Share> out;
  for (const auto& instance : device.instances) {
    if (weight == Weight::Sm && !instance.sm_count) return std::nullopt;
    out.push_back({instance.readings[reading],
                   static_cast<double>(weight == Weight::Sm ? *instance.sm_count : instance.compute_slices)});
  }
  return out;
}

std::optional<double> whole_weight(const Device& device, Weight weight) {
  if (weight == Weight::ComputeSlices) return device.compute_slices;
  if (!device.sm_count) return std::nullopt;
  return *device.sm_count;
}

}  // namespace tessera::gpu
