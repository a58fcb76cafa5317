// GPM: metrics between two samples, Hopper and later. A sample keeps integrals, so the mean between two is exact.
#include <algorithm>
#include <map>
#include <mutex>

#include "sim/driver.h"

using namespace tessera::sim;

namespace {

struct Sample {
  bool taken = false;
  unsigned gpu = 0;
  std::uint64_t serial = 0;  // of the GPU instance; 0: the device
  std::int64_t time = 0;
  double integral = 0;      // percent-seconds
  bool runs = false;        // an instance without compute instance has nothing to measure
  bool mig_device = false;  // the device, while in MIG mode
};

struct Samples {
  std::mutex mutex;
  std::uintptr_t next = 1;
  std::map<std::uintptr_t, Sample> by_handle;
  std::map<unsigned, bool> streaming;
};
Samples& samples() {
  static Samples all;
  return all;
}

std::uintptr_t number_of(GpmSample sample) { return reinterpret_cast<std::uintptr_t>(sample); }

Return take(Call& call, const Target& t, const InstanceState* gi, GpmSample handle) {
  if (!has_gpm(*t.spec.model)) return kNotSupported;
  Sample sample{true,
                t.gpu,
                gi ? gi->serial : 0,
                call.now,
                call.node.load_integral(*call.state, t.gpu, gi, call.now),
                gi ? !gi->compute.empty() : true,
                !gi && t.state.mig};
  const std::lock_guard hold(samples().mutex);
  const auto found = samples().by_handle.find(number_of(handle));
  if (found == samples().by_handle.end()) return kInvalidArgument;
  found->second = sample;
  return kSuccess;
}

struct Row {
  u32 first, last;            // metric ids
  double Activity::* factor;  // null: see kind
  enum class Kind { Load, Factor, Zero, Traffic } kind;
  const char *short_name, *unit;
};
constexpr Row kRows[] = {
    {kGpmGraphicsActive, kGpmGraphicsActive, nullptr, Row::Kind::Load, "graphics_util", "%"},
    {kGpmSmActive, kGpmSmActive, &Activity::sm, Row::Kind::Factor, "sm_util", "%"},
    {kGpmSmOccupancy, kGpmSmOccupancy, &Activity::occupancy, Row::Kind::Factor, "sm_occupancy", "%"},
    {kGpmInteger, kGpmInteger, &Activity::integer, Row::Kind::Factor, "integer_util", "%"},
    {kGpmTensor, kGpmTensor, &Activity::tensor, Row::Kind::Factor, "any_tensor_util", "%"},
    {kGpmTensorDfma, kGpmTensorDfma, nullptr, Row::Kind::Zero, "dfma_tensor_util", "%"},
    {kGpmTensorHmma, kGpmTensorHmma, &Activity::tensor, Row::Kind::Factor, "hmma_tensor_util", "%"},
    {kGpmTensorDmma, kGpmTensorImma, nullptr, Row::Kind::Zero, "tensor_util", "%"},
    {kGpmDram, kGpmDram, &Activity::dram, Row::Kind::Factor, "dram_bw_util", "%"},
    {kGpmFp64, kGpmFp64, &Activity::fp64, Row::Kind::Factor, "fp64_util", "%"},
    {kGpmFp32, kGpmFp32, &Activity::fp32, Row::Kind::Factor, "fp32_util", "%"},
    {kGpmFp16, kGpmFp16, &Activity::fp16, Row::Kind::Factor, "fp16_util", "%"},
    {kGpmPcieTx, kGpmPcieRx, nullptr, Row::Kind::Traffic, "pcie_per_sec", "MiB/sec"},
    {kGpmNvdec0, kGpmNvdec0 + 7, &Activity::decoder, Row::Kind::Factor, "nvdec_util", "%"},
    {kGpmNvjpg0, kGpmNvjpg0 + 7, nullptr, Row::Kind::Zero, "nvjpg_util", "%"},
    {kGpmOfa0, kGpmOfa1, nullptr, Row::Kind::Zero, "nvofa_util", "%"},
    {kGpmNvLinkRx, kGpmNvLinkTx, nullptr, Row::Kind::Traffic, "nvlink_per_sec", "MiB/sec"},
    {kGpmNvLink0Rx, kGpmNvLink0Rx + 35, nullptr, Row::Kind::Traffic, "nvlink_link_per_sec", "MiB/sec"},
};

// MiB/s at a load of `share`. Links belong to the whole GPU and rest while it is in MIG mode.
std::optional<double> traffic(const GpuSpec& gpu, const Sample& of, u32 id, double share) {
  if (of.serial != 0) return std::nullopt;
  if (id == kGpmPcieTx) return gpu.pcie.tx * share;
  if (id == kGpmPcieRx) return gpu.pcie.rx * share;
  if (gpu.model->nvlinks == 0) return std::nullopt;
  const double idle_in_mig = of.mig_device ? 0 : share;
  if (id == kGpmNvLinkRx) return gpu.nvlink.rx * idle_in_mig;
  if (id == kGpmNvLinkTx) return gpu.nvlink.tx * idle_in_mig;
  const u32 link = (id - kGpmNvLink0Rx) / 2;
  if (link >= gpu.model->nvlinks) return std::nullopt;
  return ((id - kGpmNvLink0Rx) % 2 == 0 ? gpu.nvlink.rx : gpu.nvlink.tx) * idle_in_mig / gpu.model->nvlinks;
}

constexpr std::int64_t kShortest = 100'000;  // us between two samples

void measure(const GpuSpec& gpu, const Sample& older, const Sample& newer, GpmMetric& metric) {
  const auto* row = std::ranges::find_if(
      kRows, [&](const Row& r) { return metric.metricId >= r.first && metric.metricId <= r.last; });
  metric.nvmlReturn = kNotSupported;
  if (row == std::end(kRows)) return;
  metric.shortName = metric.longName = row->short_name;
  metric.unit = row->unit;
  if (newer.time - older.time < kShortest || !older.runs || !newer.runs) {
    metric.nvmlReturn = kNoData;
    return;
  }
  const double seconds = static_cast<double>(newer.time - older.time) / 1e6;
  const double percent = std::clamp((newer.integral - older.integral) / seconds, 0.0, 100.0);
  std::optional<double> value;
  switch (row->kind) {
    case Row::Kind::Load:
      value = percent;
      break;
    case Row::Kind::Factor:
      value = percent * (gpu.activity.*(row->factor));
      break;
    case Row::Kind::Zero:
      value = 0;
      break;
    case Row::Kind::Traffic:
      value = traffic(gpu, newer, metric.metricId, percent / 100);
      break;
  }
  if (!value) return;
  metric.value = *value;
  metric.nvmlReturn = kSuccess;
}

}  // namespace

TESSERA_EXPORT Return nvmlGpmQueryDeviceSupport(Device device, GpmSupport* out) {
  return on_device(__func__, device, [&](Call&, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kGpmVersion) return kArgumentVersionMismatch;
    out->isSupportedDevice = has_gpm(*t.spec.model) ? 1 : 0;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlGpmSampleAlloc(GpmSample* out) {
  return on_node(__func__, [&](Call&) {
    if (!out) return kInvalidArgument;
    const std::lock_guard hold(samples().mutex);
    const std::uintptr_t number = samples().next++;
    samples().by_handle[number] = {};
    *out = reinterpret_cast<GpmSample>(number);  // NOLINT(performance-no-int-to-ptr): a handle that nobody follows
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlGpmSampleFree(GpmSample sample) {
  return on_node(__func__, [&](Call&) {
    const std::lock_guard hold(samples().mutex);
    return samples().by_handle.erase(number_of(sample)) == 1 ? kSuccess : kInvalidArgument;
  });
}

TESSERA_EXPORT Return nvmlGpmSampleGet(Device device, GpmSample sample) {
  return on_device(__func__, device, [&](Call& call, const Target& t) { return take(call, t, t.gi, sample); });
}

TESSERA_EXPORT Return nvmlGpmMigSampleGet(Device device, u32 gi_id, GpmSample sample) {
  return on_gpu(
      __func__, device,
      [&](Call& call, const Target& t) {
        const auto gi = std::ranges::find(t.state.instances, gi_id, &InstanceState::id);
        if (gi == t.state.instances.end()) return kInvalidArgument;
        return take(call, t, &*gi, sample);
      },
      kInvalidArgument);
}

TESSERA_EXPORT Return nvmlGpmMetricsGet(GpmMetricsGet* out) {
  return on_node(__func__, [&](Call& call) {
    if (!out) return kInvalidArgument;
    if (out->version != kGpmVersion) return kArgumentVersionMismatch;
    if (out->numMetrics > kGpmMetricCount) return kInvalidArgument;
    Sample older, newer;
    {
      const std::lock_guard hold(samples().mutex);
      const auto first = samples().by_handle.find(number_of(out->sample1));
      const auto second = samples().by_handle.find(number_of(out->sample2));
      if (first == samples().by_handle.end() || second == samples().by_handle.end()) return kInvalidArgument;
      older = first->second;
      newer = second->second;
    }
    // Both taken, of one subject, the older one first.
    if (!older.taken || !newer.taken || older.gpu != newer.gpu || older.serial != newer.serial ||
        newer.time < older.time)
      return kInvalidArgument;
    if (const Return refused = admit(call, "nvmlGpmMetricsGet", static_cast<int>(newer.gpu)); refused != kSuccess)
      return refused;
    for (u32 i = 0; i < out->numMetrics; ++i) measure(call.node.spec().gpus[newer.gpu], older, newer, out->metrics[i]);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlGpmQueryIfStreamingEnabled(Device device, u32* out) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!has_gpm(*t.spec.model)) return kNotSupported;
    if (!out) return kInvalidArgument;
    const std::lock_guard hold(samples().mutex);
    *out = samples().streaming[t.gpu] ? 1 : 0;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlGpmSetStreamingEnabled(Device device, u32 enabled) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!has_gpm(*t.spec.model)) return kNotSupported;
    if (!call.privileged()) return kNoPermission;
    const std::lock_guard hold(samples().mutex);
    samples().streaming[t.gpu] = enabled != 0;
    return kSuccess;
  });
}
