// Utilization weighted by size: how busy a device is, and how busy the part of it that was handed out.
#include "agent/exposure.h"
#include "gpu/weighting.h"

namespace tessera::agent {
namespace {

using metrics::append_label;

constexpr gpu::Reading kActivity = gpu::Reading::GraphicsEngineActiveRatio;

/// Utilization of an undivided device, 0..1: GPM's, else the driver's own share of busy time.
std::optional<double> whole_utilization(const gpu::Device& device) {
  if (const auto active = device.readings[kActivity]) return active;
  const auto percent = device.readings[gpu::Reading::GpuUtilPercent];
  return percent ? std::optional(*percent / 100) : std::nullopt;
}

/// A mean over a part only would pass for one over all.
std::optional<double> complete(const std::optional<gpu::Mean>& mean) {
  return mean && mean->coverage == 1 ? std::optional(mean->ratio) : std::nullopt;
}

struct Pair {
  std::optional<double> allocated;
  std::optional<double> device;
};

Pair utilization(const gpu::Device& device, gpu::Weight weight) {
  const auto whole = gpu::whole_weight(device, weight);
  if (!whole) return {};
  if (!device.mig_enabled.value_or(false)) return {whole_utilization(device), whole_utilization(device)};
  const auto shares = gpu::shares(device, weight, kActivity);
  if (!shares) return {};
  return {complete(gpu::allocated_mean(*shares)), complete(gpu::device_mean(*shares, *whole))};
}

void add(Exposure& out, const gpu::Device& device, std::string_view over, gpu::Weight weight,
         std::optional<double> ratio) {
  if (!ratio) return;
  const Subject subject = subject_of(device);
  std::string& text = out.begin(subject);
  append_label(text, "over", over);
  append_label(text, "weight", gpu::weight_name(weight));
  out.append_identity(text, subject);
  out.page.add(out.page.labels(text), *ratio);
}

}  // namespace

void expose_weighted(Exposure& out, const std::vector<const gpu::Device*>& devices) {
  out.page.family(catalog::kWeighted.metric);
  for (const gpu::Device* device : devices)
    for (const gpu::Weight weight : {gpu::Weight::ComputeSlices, gpu::Weight::Sm}) {
      const Pair means = utilization(*device, weight);
      add(out, *device, "allocated", weight, means.allocated);
      add(out, *device, "device", weight, means.device);
    }
}

}  // namespace tessera::agent
