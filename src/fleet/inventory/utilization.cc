#include "fleet/inventory/utilization.h"

#include <algorithm>
#include <vector>

#include "fleet/inventory/catalogue.h"

namespace tessera::fleet {

using gpu::Reading;

std::optional<double> activity(const gpu::Readings& readings) {
  if (const auto ratio = readings[Reading::GraphicsEngineActiveRatio]) return ratio;
  const auto percent = readings[Reading::GpuUtilPercent];
  return percent ? std::optional(*percent / 100) : std::nullopt;
}

std::optional<double> whole_weight(const Device& device, gpu::Weight weight) {
  if (weight == gpu::Weight::Sm)
    return device.facts->sm_count ? std::optional<double>(*device.facts->sm_count) : std::nullopt;
  if (device.facts->compute_slices) return *device.facts->compute_slices;
  const Model* model = find_model(model_key_of(device.facts->name));
  if (model && model->mig_max_slices > 0) return model->mig_max_slices;
  return is_cut(device) ? std::nullopt : std::optional<double>(1);
}

std::optional<double> part_weight(const Device& device, const DevicePart& part, gpu::Weight weight) {
  if (!part.instance) return whole_weight(device, weight);
  const InstanceFacts& facts = *part.instance->facts;
  const auto weighs = weight == gpu::Weight::Sm ? facts.sm_count : facts.compute_slices;
  return weighs ? std::optional<double>(*weighs) : std::nullopt;
}

void UtilizationSum::add(const Device& device, std::span<const DevicePart> parts) {
  ++devices_;
  std::vector<gpu::Share> shares;
  double weights = 0;
  bool all_weighed = true;
  for (const DevicePart& part : parts) {
    const auto busy = activity(*part.readings);
    if (busy) {
      simple_ += std::clamp(*busy, 0.0, 1.0);
      ++((*part.readings)[Reading::GraphicsEngineActiveRatio] ? by_engine_ : by_util_);
    }
    const auto weighs = part_weight(device, part, weight_);
    all_weighed &= weighs.has_value();
    shares.push_back({busy, weighs.value_or(0)});
    weights += weighs.value_or(0);
  }
  const auto whole = whole_weight(device, weight_);
  if (!whole) return;
  ++weighed_;
  whole_ += *whole;
  if (!all_weighed) return;  // a mean over some of them would pass for one over all
  parts_ += weights;
  if (device.presence == Presence::Present)
    if (const auto of = gpu::device_mean(shares, *whole)) {
      busy_ += of->ratio * *whole * of->coverage;
      known_ += *whole * of->coverage;
    }
  if (const auto of = gpu::allocated_mean(shares)) {
    allocated_busy_ += of->ratio * weights * of->coverage;
    allocated_known_ += weights * of->coverage;
  }
}

void UtilizationSum::add(const UtilizationSum& other) {
  busy_ += other.busy_, known_ += other.known_, whole_ += other.whole_;
  allocated_busy_ += other.allocated_busy_, allocated_known_ += other.allocated_known_, parts_ += other.parts_;
  simple_ += other.simple_;
  by_engine_ += other.by_engine_, by_util_ += other.by_util_;
  devices_ += other.devices_, weighed_ += other.weighed_;
}

std::optional<double> UtilizationSum::simple() const {
  const std::uint64_t count = by_engine_ + by_util_;
  return count == 0 ? std::nullopt : std::optional(simple_ / static_cast<double>(count));
}

std::string_view UtilizationSum::source() const {
  if (by_engine_ > 0 && by_util_ > 0) return "mixed";
  if (by_engine_ > 0) return "graphics_engine";
  return by_util_ > 0 ? "gpu_util" : "";
}

std::optional<gpu::Mean> UtilizationSum::mean(double busy, double known, double all) const {
  if (known <= 0 || all <= 0) return std::nullopt;
  // Devices without a weight are in no denominator: they can only be counted.
  const double weighed = static_cast<double>(weighed_) / static_cast<double>(devices_);
  return gpu::Mean{busy / known, known / all * weighed, 0};
}

}  // namespace tessera::fleet
