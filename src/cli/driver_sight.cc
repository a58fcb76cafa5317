#include "cli/driver_sight.h"

#include <algorithm>

#include "nvml/binding.h"
#include "nvml/reader.h"

namespace tessera::cli {
namespace {
namespace abi = nvml::abi;
using nvml::Api;

constexpr Milliseconds kStartDeadline{20'000};  // without persistence mode a start takes seconds per GPU
constexpr std::size_t kMostInstances = 64;      // of one profile on one device

struct Ability {
  Lacking lacking;
  bool (*present)(const Api&);
};
constexpr Ability kAbilities[] = {
    {{"the list of devices", "R418", true},
     [](const Api& a) { return a.nvmlDeviceGetCount_v2 && a.nvmlDeviceGetHandleByIndex_v2; }},
    {{"the processes on a device", "R418", true},
     [](const Api& a) {
       return a.nvmlDeviceGetComputeRunningProcesses_v3 || a.nvmlDeviceGetComputeRunningProcesses_v2 ||
              a.nvmlDeviceGetComputeRunningProcesses;
     }},
    {{"processes per MIG instance", "R460", false},
     [](const Api& a) {
       return a.nvmlDeviceGetComputeRunningProcesses_v3 || a.nvmlDeviceGetComputeRunningProcesses_v2;
     }},
    {{"utilization per process", "R418", false},
     [](const Api& a) { return a.nvmlDeviceGetProcessUtilization != nullptr; }},
    {{"ECC, NVLink and violation counters in one call", "R418", false},
     [](const Api& a) { return a.nvmlDeviceGetFieldValues != nullptr; }},
    {{"XID events", "R418", false},
     [](const Api& a) { return a.nvmlEventSetCreate && (a.nvmlEventSetWait_v2 || a.nvmlEventSetWait); }},
    {{"MIG", "R450", false},
     [](const Api& a) { return a.nvmlDeviceGetMigMode && a.nvmlDeviceGetMigDeviceHandleByIndex; }},
    {{"where on the device a MIG instance lies", "R470", false},
     [](const Api& a) { return a.nvmlDeviceGetGpuInstancePossiblePlacements_v2 != nullptr; }},
    {{"memory that the driver reserves", "R510", false},
     [](const Api& a) { return a.nvmlDeviceGetMemoryInfo_v2 != nullptr; }},
    {{"profiling (GPM)", "R520", false}, [](const Api& a) { return a.nvmlGpmSampleGet && a.nvmlGpmMetricsGet; }},
    {{"profiling per MIG instance", "R525", false}, [](const Api& a) { return a.nvmlGpmMigSampleGet != nullptr; }},
};

/// Ids of all GPU instances, also those that hold no compute instance; nullopt where one profile's list is refused.
std::optional<std::vector<unsigned>> list_gpu_instances(const Api& api, const gpu::Device& device) {
  abi::Device handle = nullptr;
  if (!api.nvmlDeviceGetHandleByIndex_v2 || !api.nvmlDeviceGetGpuInstances || !api.nvmlGpuInstanceGetInfo ||
      api.nvmlDeviceGetHandleByIndex_v2(device.index, &handle) != abi::kSuccess)
    return std::nullopt;
  std::vector<unsigned> ids;
  for (const auto& profile : device.profiles) {
    std::vector<abi::GpuInstance> found(kMostInstances);
    auto count = static_cast<abi::u32>(found.size());
    const auto code = api.nvmlDeviceGetGpuInstances(handle, profile.id, found.data(), &count);
    if (code == abi::kNotSupported || code == abi::kInvalidArgument) continue;  // not a profile of this device any more
    if (code != abi::kSuccess) return std::nullopt;
    found.resize(std::min<std::size_t>(count, found.size()));
    for (const auto instance : found) {
      abi::GpuInstanceInfo info{};
      if (api.nvmlGpuInstanceGetInfo(instance, &info) != abi::kSuccess) return std::nullopt;
      ids.push_back(info.id);
    }
  }
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  return ids;
}

bool any_slow(const std::vector<gpu::Device>& devices) {
  return std::ranges::any_of(devices, [](const auto& d) { return d.health == gpu::Health::Slow; });
}

}  // namespace

std::vector<Lacking> lacking_in(const Api& api) {
  std::vector<Lacking> out;
  for (const auto& ability : kAbilities)
    if (!ability.present(api)) out.push_back(ability.lacking);
  return out;
}

DriverSight look_at_driver(const std::string& name, Milliseconds patience) {
  DriverSight out;
  const auto library = nvml::Library::open(name, kStartDeadline);
  if (!library) {
    out.failure = library.error();
    out.left_behind = library.error().code == Code::Unavailable;
    return out;
  }
  const Api& api = (*library)->api();
  out.path = (*library)->path();
  out.driver = (*library)->driver();
  out.lacking = lacking_in(api);
  unsigned counted = 0;
  if (api.nvmlDeviceGetCount_v2 && api.nvmlDeviceGetCount_v2(&counted) == abi::kSuccess) out.counted = counted;
  const auto reader = nvml::Reader::open({.library = name, .deadline = patience});
  if (!reader) {
    out.failure = reader.error();
    return out;
  }
  out.devices = (*reader)->collect().devices;
  // The first question wakes a GPU without persistence mode, which takes seconds: only a second miss is a hang.
  if (any_slow(out.devices)) out.devices = (*reader)->collect().devices;
  out.left_behind = any_slow(out.devices);
  for (const auto& device : out.devices) {
    if (device.health != gpu::Health::Up || device.mig_enabled != true) continue;
    if (auto listed = list_gpu_instances(api, device)) out.gpu_instances.emplace(device.index, *std::move(listed));
  }
  return out;
}

}  // namespace tessera::cli
