#include "nvml/fake_driver.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <span>

namespace tessera::nvml {
namespace {

FakeDriver* fake = nullptr;

// Handles are small numbers: the device is 1, the MIG device of slot n is 100 + n.
constexpr std::uintptr_t kDevice = 1;
constexpr std::uintptr_t kFirstSlot = 100;

abi::Device handle(std::uintptr_t number) { return reinterpret_cast<abi::Device>(number); }

FakeInstance* instance(abi::Device device) {
  const auto number = reinterpret_cast<std::uintptr_t>(device);
  if (number < kFirstSlot || number - kFirstSlot >= fake->slots.size()) return nullptr;
  auto& slot = fake->slots[number - kFirstSlot];
  return slot ? &*slot : nullptr;
}

abi::Return begin(std::string_view call, abi::Device device = handle(kDevice)) {
  ++fake->calls[call];
  fake->before(call);
  if (const auto found = fake->refusals.find(call); found != fake->refusals.end()) return found->second;
  return device == handle(kDevice) || instance(device) ? abi::kSuccess : abi::kInvalidArgument;
}

abi::Return put(abi::Return code, char* out, abi::u32 size, const std::string& text) {
  if (code == abi::kSuccess) std::snprintf(out, size, "%s", text.c_str());
  return code;
}

abi::Return by_index(abi::u32 index, abi::Device* out) {
  *out = handle(kDevice);
  return index == 0 ? begin("handle") : abi::kInvalidArgument;
}

abi::Return read_uuid(abi::Device device, char* out, abi::u32 size) {
  const auto code = begin(device == handle(kDevice) ? "uuid" : "instance uuid", device);
  if (code != abi::kSuccess) return code;
  return put(code, out, size, device == handle(kDevice) ? fake->uuid : instance(device)->uuid);
}

abi::Return mig_mode(abi::Device device, abi::u32* current, abi::u32* pending) {
  const auto code = begin("mig mode", device);
  *current = *pending = fake->mig.value_or(false) ? 1 : 0;
  return code == abi::kSuccess && !fake->mig ? abi::kNotSupported : code;
}

abi::Return slot_count(abi::Device device, abi::u32* out) {
  *out = static_cast<abi::u32>(fake->slots.size());
  return begin("slot count", device);
}

abi::Return slot_handle(abi::Device, abi::u32 slot, abi::Device* out) {
  *out = handle(kFirstSlot + slot);
  const auto code = begin("slot handle");
  return code == abi::kSuccess && !instance(*out) ? abi::kNotFound : code;
}

abi::Return gi_id(abi::Device device, abi::u32* out) {
  const auto code = begin("gi id", device);
  if (code == abi::kSuccess) *out = instance(device)->gpu_instance;
  return code;
}

abi::Return ci_id(abi::Device device, abi::u32* out) {
  const auto code = begin("ci id", device);
  if (code == abi::kSuccess) *out = instance(device)->compute_instance;
  return code;
}

abi::Return attributes(abi::Device device, abi::DeviceAttributes* out) {
  const auto code = begin("attributes", device);
  if (code != abi::kSuccess) return code;
  const FakeInstance& found = *instance(device);
  *out = {};
  out->multiprocessorCount = 16 * found.slices;
  out->gpuInstanceSliceCount = found.gi_slices;
  out->computeInstanceSliceCount = found.slices;
  out->memorySizeMB = found.memory_mib;
  return code;
}

abi::Return memory(abi::Device device, abi::MemoryV2* out) {
  const bool whole = device == handle(kDevice);
  const auto code = begin(whole ? "memory" : "instance memory", device);
  if (code != abi::kSuccess) return code;
  const abi::u64 total = (whole ? 81559ULL : instance(device)->memory_mib) << 20U;
  *out = {out->version, total, 1 << 20, total / 2, total / 2 - (1 << 20)};
  return code;
}

abi::Return compute_processes(abi::Device device, abi::u32* count, abi::ProcessInfo* out) {
  const bool whole = device == handle(kDevice);
  const auto code = begin(whole ? "processes" : "instance processes", device);
  if (code != abi::kSuccess) return code;
  std::vector<abi::ProcessInfo> list = fake->processes;
  if (!whole) {
    list.clear();
    for (const unsigned pid : instance(device)->pids)
      list.push_back({pid, 1 << 20, instance(device)->gpu_instance, instance(device)->compute_instance});
  }
  const bool fits = list.size() <= *count;
  *count = static_cast<abi::u32>(list.size());
  if (!fits) return abi::kInsufficientSize;
  std::ranges::copy(list, out);
  return abi::kSuccess;
}

abi::Return process_utilization(abi::Device device, abi::ProcessUtilizationSample* out, abi::u32* count,
                                abi::u64 last_seen) {
  const auto code = begin("process utilization", device);
  if (code != abi::kSuccess) return code;
  std::vector<abi::ProcessUtilizationSample> list;
  for (const auto& sample : fake->samples)
    if (sample.timeStamp > last_seen) list.push_back(sample);
  if (list.empty()) return abi::kNotFound;
  const bool fits = list.size() <= *count;
  *count = static_cast<abi::u32>(list.size());
  if (!fits) return abi::kInsufficientSize;
  std::ranges::copy(list, out);
  return abi::kSuccess;
}

abi::Return field_values(abi::Device device, int count, abi::FieldValue* out) {
  const auto code = begin("fields", device);
  for (abi::FieldValue& field : std::span(out, static_cast<std::size_t>(count))) {
    const auto found = fake->fields.find(field.fieldId);
    const abi::u32 id = field.fieldId;
    if (found != fake->fields.end()) field = found->second;
    field.fieldId = id;
    if (found == fake->fields.end()) field.nvmlReturn = abi::kNotSupported;
    ++fake->calls["field"];
  }
  return code;
}

abi::Return power(abi::Device device, abi::u32* out) {
  *out = 476'585;
  return begin("power", device);
}

abi::Return gpm_support(abi::Device device, abi::GpmSupport* out) {
  out->isSupportedDevice = 1;
  return begin("gpm support", device);
}

abi::Return gpm_allocate(abi::GpmSample* out) {
  *out = reinterpret_cast<abi::GpmSample>(new int(0));
  ++fake->samples_alive;
  return begin("gpm allocate");
}

abi::Return gpm_free(abi::GpmSample sample) {
  delete reinterpret_cast<int*>(sample);
  --fake->samples_alive;
  return abi::kSuccess;
}

abi::Return gpm_sample(abi::Device device, abi::GpmSample sample) {
  *reinterpret_cast<int*>(sample) = ++fake->calls["gpm time"];
  return begin("gpm sample", device);
}

abi::Return gpm_mig_sample(abi::Device device, abi::u32, abi::GpmSample sample) {
  *reinterpret_cast<int*>(sample) = ++fake->calls["gpm time"];
  return begin("gpm instance sample", device);
}

abi::Return gpm_metrics(abi::GpmMetricsGet* get) {
  const auto code = begin("gpm metrics");
  // The driver wants two samples that were taken, the older one first.
  const int older = *reinterpret_cast<int*>(get->sample1);
  if (older == 0 || older >= *reinterpret_cast<int*>(get->sample2)) return abi::kInvalidArgument;
  for (abi::GpmMetric& metric : std::span(get->metrics).first(get->numMetrics)) {
    metric.value = fake->gpm_percent;
    metric.nvmlReturn = metric.metricId == abi::kGpmFp64 ? abi::kNotSupported : abi::kSuccess;
  }
  return code;
}

}  // namespace

FakeDriver::FakeDriver() {
  fake = this;
  api.nvmlDeviceGetHandleByIndex_v2 = by_index;
  api.nvmlDeviceGetUUID = read_uuid;
  api.nvmlDeviceGetMigMode = mig_mode;
  api.nvmlDeviceGetMaxMigDeviceCount = slot_count;
  api.nvmlDeviceGetMigDeviceHandleByIndex = slot_handle;
  api.nvmlDeviceGetGpuInstanceId = gi_id;
  api.nvmlDeviceGetComputeInstanceId = ci_id;
  api.nvmlDeviceGetAttributes_v2 = attributes;
  api.nvmlDeviceGetMemoryInfo_v2 = memory;
  api.nvmlDeviceGetComputeRunningProcesses_v3 = compute_processes;
  api.nvmlDeviceGetProcessUtilization = process_utilization;
  api.nvmlDeviceGetFieldValues = field_values;
  api.nvmlDeviceGetPowerUsage = power;
  api.nvmlGpmQueryDeviceSupport = gpm_support;
  api.nvmlGpmSampleAlloc = gpm_allocate;
  api.nvmlGpmSampleFree = gpm_free;
  api.nvmlGpmSampleGet = gpm_sample;
  api.nvmlGpmMigSampleGet = gpm_mig_sample;
  api.nvmlGpmMetricsGet = gpm_metrics;
}

FakeDriver::~FakeDriver() { fake = nullptr; }

}  // namespace tessera::nvml
