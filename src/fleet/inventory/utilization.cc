#include "fleet/inventory/utilization.h"

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
  return device.facts->mig_enabled == true || !device.instances.empty() ? std::nullopt : std::optional<double>(1);
}

std::vector<gpu::Share> shares_of(const Device& device, gpu::Weight weight) {
  std::vector<gpu::Share> out;
  for (const ListedInstance& one : listed_instances(device)) {
    const InstanceFacts& facts = *one.instance->facts;
    const auto weighs = weight == gpu::Weight::Sm ? facts.sm_count : facts.compute_slices;
    if (!weighs) return {};  // a mean over some of them would pass for one over all
    out.push_back({activity(*one.readings), static_cast<double>(*weighs)});
  }
  if (device.instances.empty() && device.facts->mig_enabled != true)
    if (const auto whole = whole_weight(device, weight)) out.push_back({activity(device.readings), *whole});
  return out;
}

Utilization utilization_of(const Device& device, gpu::Weight weight) {
  Utilization out;
  const auto shares = shares_of(device, weight);
  const bool cut = !device.instances.empty() || device.facts->mig_enabled == true;
  if (shares.empty() && !device.instances.empty()) return out;
  out.allocated = gpu::allocated_mean(shares);
  const auto whole = whole_weight(device, weight);
  if (whole && (cut || !shares.empty()) && device.presence == Presence::Present)
    out.device = gpu::device_mean(shares, *whole);
  double sum = 0;
  unsigned count = 0;
  for (const gpu::Share& share : shares)
    if (share.utilization) sum += *share.utilization, ++count;
  if (count > 0) out.simple = sum / count;
  return out;
}

void FleetMean::add(const Device& device, gpu::Weight weight) {
  const auto whole = whole_weight(device, weight);
  if (!whole) return;
  weight_ += *whole;
  const Utilization of = utilization_of(device, weight);
  if (of.device) {
    busy_ += of.device->ratio * *whole * of.device->coverage;
    known_ += *whole * of.device->coverage;
  }
  double allocated = 0;
  for (const gpu::Share& share : shares_of(device, weight)) allocated += share.weight;
  allocated_weight_ += allocated;
  if (of.allocated) {
    allocated_busy_ += of.allocated->ratio * allocated * of.allocated->coverage;
    allocated_known_ += allocated * of.allocated->coverage;
  }
  if (of.simple) simple_sum_ += *of.simple, ++count_;
}

std::optional<gpu::Mean> FleetMean::mean(double busy, double known, double weight) {
  if (known <= 0 || weight <= 0) return std::nullopt;
  return gpu::Mean{busy / known, known / weight, 0};
}

}  // namespace tessera::fleet
