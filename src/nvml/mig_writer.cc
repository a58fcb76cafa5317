#include "nvml/mig_writer.h"

#include <algorithm>
#include <optional>

#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

// More instances of one profile than any device has.
constexpr unsigned kMostInstances = 32;

struct Refusal {
  abi::Return code;
  Code meaning;
  std::string_view what_to_do;
};
constexpr Refusal kRefusals[] = {
    {abi::kInUse, Code::Unavailable,
     "a process or a monitoring client still uses it: `nvidia-smi` and `fuser -v /dev/nvidia*` tell which; nothing is "
     "forced"},
    {abi::kNoPermission, Code::Denied,
     "changing MIG instances needs root with CAP_SYS_ADMIN, or the driver's capability mig/config: run the container "
     "privileged"},
    {abi::kInsufficientResources, Code::Invalid,
     "there is no room at that placement: another instance overlaps it, or holds the engines that this profile needs; "
     "see `nvidia-smi mig -lgi`"},
    {abi::kNotSupported, Code::Invalid,
     "this device, its driver or its present mode does not do that; see `nvidia-smi -q -d MIG`"},
    {abi::kInvalidArgument, Code::Invalid,
     "the driver knows no such profile, placement or instance; see `nvidia-smi mig -lgipp`"},
    {abi::kFunctionNotFound, Code::Invalid, "update the driver to branch 525 or later"},
    {abi::kNotFound, Code::NotFound, "it is gone; see `nvidia-smi mig -lgi`"},
    {abi::kResetRequired, Code::Unavailable,
     "the mode changes with a reset of the device only: drain the node, then `nvidia-smi --gpu-reset`, or reboot"},
};

}  // namespace

Error MigWriter::refusal(const std::string& tried, const char* function, abi::Return code) const {
  const auto* known = std::ranges::find(kRefusals, code, &Refusal::code);
  const bool listed = known != std::end(kRefusals);
  const std::string_view what_to_do = listed ? known->what_to_do : advice(code);
  return fail(listed ? known->meaning : Code::Internal, "{}: {}: {}{}{}", tried, function, describe(api(), code),
              what_to_do.empty() ? "" : ". ", what_to_do);
}

template <class... Parameters, class... Arguments>
Result<void> MigWriter::call(const std::string& tried, const char* name, abi::Return (*function)(Parameters...),
                             Arguments... arguments) const {
  const abi::Return code = function ? function(arguments...) : abi::kFunctionNotFound;
  return code == abi::kSuccess ? Result<void>() : refusal(tried, name, code);
}
// The name of the function stands in every refusal, so it is written once.
#define TESSERA_NVML_CALL(tried, function, ...) TRY(call(tried, #function, api().function, __VA_ARGS__))

Result<MigWriter> MigWriter::open(std::shared_ptr<const Library> library, const std::string& uuid) {
  MigWriter out(std::move(library), uuid, nullptr);
  TRY(out.call(fmt::format("finding GPU {}", uuid), "nvmlDeviceGetHandleByUUID", out.api().nvmlDeviceGetHandleByUUID,
               uuid.c_str(), &out.device_));
  return out;
}

Result<std::vector<StandingInstance>> MigWriter::instances(std::span<const gpu::Profile> profiles) const {
  const std::string tried = fmt::format("listing the GPU instances of {}", uuid_);
  abi::u32 current = 0;
  abi::u32 pending = 0;
  TESSERA_NVML_CALL(tried, nvmlDeviceGetMigMode, device_, &current, &pending);
  std::vector<StandingInstance> out;
  if (current != abi::kMigEnabled) return out;
  for (const gpu::Profile& profile : profiles) {
    std::array<abi::GpuInstance, kMostInstances> handles{};
    abi::u32 count = std::min(profile.max_instances, kMostInstances);
    TESSERA_NVML_CALL(tried, nvmlDeviceGetGpuInstances, device_, profile.id, handles.data(), &count);
    for (const abi::GpuInstance handle : std::span(handles).first(std::min(count, kMostInstances))) {
      abi::GpuInstanceInfo info{};
      TESSERA_NVML_CALL(tried, nvmlGpuInstanceGetInfo, handle, &info);
      out.push_back({info.id,
                     info.profileId,
                     {info.placement.start, info.placement.size},
                     TRY(compute_instances(handle, tried))});
    }
  }
  std::ranges::sort(out, {}, &StandingInstance::placement);
  return out;
}

Result<std::vector<unsigned>> MigWriter::compute_instances(abi::GpuInstance instance, const std::string& tried) const {
  std::vector<unsigned> out;
  for (unsigned index = 0; index < abi::kCiProfileCount; ++index) {
    abi::ComputeInstanceProfileInfo profile{};
    const auto ask = api().nvmlGpuInstanceGetComputeInstanceProfileInfo;
    if (!ask || ask(instance, index, abi::kEngineShared, &profile) != abi::kSuccess) continue;  // has none such
    std::array<abi::ComputeInstance, kMostInstances> handles{};
    abi::u32 count = std::min(profile.instanceCount, kMostInstances);
    TESSERA_NVML_CALL(tried, nvmlGpuInstanceGetComputeInstances, instance, profile.id, handles.data(), &count);
    for (const abi::ComputeInstance handle : std::span(handles).first(std::min(count, kMostInstances))) {
      abi::ComputeInstanceInfo info{};
      TESSERA_NVML_CALL(tried, nvmlComputeInstanceGetInfo_v2, handle, &info);
      out.push_back(info.id);
    }
  }
  std::ranges::sort(out);
  return out;
}

Result<void> MigWriter::create(const gpu::Profile& profile, gpu::Placement where) const {
  const std::string tried = fmt::format("creating {} at {}:{} on {}", profile.name, where.start, where.size, uuid_);
  const abi::Placement placement{where.start, where.size};
  abi::GpuInstance instance = nullptr;
  TESSERA_NVML_CALL(tried, nvmlDeviceCreateGpuInstanceWithPlacement, device_, profile.id, &placement, &instance);
  auto covered = cover(instance, tried);
  if (covered) return {};
  const auto undone = call("taking it back", "nvmlGpuInstanceDestroy", api().nvmlGpuInstanceDestroy, instance);
  if (undone) return covered;
  return fail(covered.error().code, "{}. It stands without a compute instance: {}", covered.error().what,
              undone.error().what);
}

Result<void> MigWriter::cover(abi::GpuInstance instance, const std::string& tried) const {
  // The largest profile that there is room for once is the whole.
  std::optional<abi::ComputeInstanceProfileInfo> whole;
  for (unsigned index = 0; index < abi::kCiProfileCount; ++index) {
    abi::ComputeInstanceProfileInfo profile{};
    const auto ask = api().nvmlGpuInstanceGetComputeInstanceProfileInfo;
    if (!ask || ask(instance, index, abi::kEngineShared, &profile) != abi::kSuccess) continue;
    if (!whole || profile.sliceCount > whole->sliceCount) whole = profile;
  }
  if (!whole)
    return refusal(tried + ", its compute instance", "nvmlGpuInstanceGetComputeInstanceProfileInfo",
                   abi::kFunctionNotFound);
  abi::ComputeInstance compute = nullptr;
  TESSERA_NVML_CALL(tried + ", its compute instance", nvmlGpuInstanceCreateComputeInstance, instance, whole->id,
                    &compute);
  return {};
}

Result<abi::GpuInstance> MigWriter::find(const StandingInstance& instance, const std::string& tried) const {
  abi::GpuInstance handle = nullptr;
  abi::GpuInstanceInfo info{};
  TESSERA_NVML_CALL(tried, nvmlDeviceGetGpuInstanceById, device_, instance.id, &handle);
  TESSERA_NVML_CALL(tried, nvmlGpuInstanceGetInfo, handle, &info);
  if (info.profileId != instance.profile ||
      gpu::Placement{info.placement.start, info.placement.size} != instance.placement)
    return fail(Code::NotFound, "{}: another instance has its number by now; somebody else changes this device", tried);
  return handle;
}

Result<void> MigWriter::complete(const StandingInstance& instance) const {
  const std::string tried = fmt::format("completing GPU instance {} of {}", instance.id, uuid_);
  return cover(TRY(find(instance, tried)), tried);
}

Result<void> MigWriter::destroy(const StandingInstance& instance) const {
  const std::string tried = fmt::format("destroying GPU instance {} at {}:{} of {}", instance.id,
                                        instance.placement.start, instance.placement.size, uuid_);
  const abi::GpuInstance handle = TRY(find(instance, tried));
  for (const unsigned id : TRY(compute_instances(handle, tried))) {
    abi::ComputeInstance compute = nullptr;
    TESSERA_NVML_CALL(tried, nvmlGpuInstanceGetComputeInstanceById, handle, id, &compute);
    TESSERA_NVML_CALL(tried, nvmlComputeInstanceDestroy, compute);
  }
  TESSERA_NVML_CALL(tried, nvmlGpuInstanceDestroy, handle);
  return {};
}

Result<void> MigWriter::set_mode(bool on) const {
  const std::string tried = fmt::format("turning MIG mode {} on {}", on ? "on" : "off", uuid_);
  abi::Return activation = abi::kSuccess;
  TESSERA_NVML_CALL(tried, nvmlDeviceSetMigMode, device_, on ? abi::kMigEnabled : abi::kMigDisabled, &activation);
  return activation == abi::kSuccess ? Result<void>() : refusal(tried, "nvmlDeviceSetMigMode", activation);
}

}  // namespace tessera::nvml
