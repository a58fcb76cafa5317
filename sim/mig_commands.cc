#include <fmt/format.h>

#include <array>
#include <charconv>

#include "sim/commands.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

Failure refused(const Library& library, const std::string& what, Return code) {
  return Failure{fmt::format("{}: {} ({})", what, library.nvmlErrorString(code), static_cast<int>(code))};
}

#define TRY_NVML(what, call) \
  if (const Return code = (call); code != kSuccess) return refused(library, what, code)

Outcome<Device> open_gpu(const Library& library, unsigned gpu) {
  Device device{};
  TRY_NVML(fmt::format("GPU {}", gpu), library.nvmlDeviceGetHandleByIndex_v2(gpu, &device));
  return device;
}

struct Profile {
  u32 index = 0;
  GpuInstanceProfileInfoV2 info{};
  std::string name;  // without the "MIG " in front
};

std::vector<Profile> profiles_of(const Library& library, Device device) {
  std::vector<Profile> out;
  for (u32 index = 0; index < kGiProfileCount; ++index) {
    Profile profile{index, versioned<GpuInstanceProfileInfoV2>(), {}};
    if (library.nvmlDeviceGetGpuInstanceProfileInfoV(device, index, &profile.info) != kSuccess) continue;
    profile.name = profile.info.name;
    if (profile.name.starts_with("MIG ")) profile.name.erase(0, 4);
    out.push_back(std::move(profile));
  }
  return out;
}

std::string names_of(const std::vector<Profile>& profiles) {
  std::string out;
  for (const Profile& profile : profiles) out += (out.empty() ? "" : ", ") + profile.name;
  return out;
}

Outcome<std::vector<GpuInstance>> instances_of(const Library& library, Device device, const Profile& profile) {
  std::vector<GpuInstance> out(profile.info.instanceCount);
  u32 count = profile.info.instanceCount;
  TRY_NVML("list of GPU instances", library.nvmlDeviceGetGpuInstances(device, profile.info.id, out.data(), &count));
  out.resize(count);
  return out;
}

struct Compute {
  ComputeInstance handle{};
  ComputeInstanceInfo info{};
};

Outcome<std::vector<Compute>> computes_of(const Library& library, GpuInstance instance) {
  std::vector<Compute> out;
  for (u32 index = 0; index < kCiProfileCount; ++index) {
    std::array<ComputeInstance, 8> handles{};
    u32 count = 0;
    if (library.nvmlGpuInstanceGetComputeInstances(instance, index, handles.data(), &count) != kSuccess) continue;
    for (u32 i = 0; i < count; ++i) {
      Compute compute{handles[i], {}};
      TRY_NVML("compute instance", library.nvmlComputeInstanceGetInfo_v2(handles[i], &compute.info));
      out.push_back(compute);
    }
  }
  return out;
}

std::string uuid_of(const Library& library, Device device, u32 gi, u32 ci) {
  u32 most = 0;
  library.nvmlDeviceGetMaxMigDeviceCount(device, &most);
  for (u32 slot = 0; slot < most; ++slot) {
    Device mig{};
    u32 its_gi = 0, its_ci = 0;
    char uuid[kUuidBuffer] = "";
    if (library.nvmlDeviceGetMigDeviceHandleByIndex(device, slot, &mig) != kSuccess) continue;
    if (library.nvmlDeviceGetGpuInstanceId(mig, &its_gi) != kSuccess || its_gi != gi) continue;
    if (library.nvmlDeviceGetComputeInstanceId(mig, &its_ci) != kSuccess || its_ci != ci) continue;
    if (library.nvmlDeviceGetUUID(mig, uuid, sizeof uuid) == kSuccess) return uuid;
  }
  return "-";
}

// One line per compute instance; a GPU instance without one has a line of its own.
Outcome<std::string> list_gpu(const Library& library, unsigned gpu) {
  const auto device = open_gpu(library, gpu);
  if (!device) return device.error();
  u32 current = 0, pending = 0;
  const Return capable = library.nvmlDeviceGetMigMode(*device, &current, &pending);
  if (capable == kNotSupported) return fmt::format("GPU {}: not capable of MIG\n", gpu);
  TRY_NVML(fmt::format("GPU {}: MIG mode", gpu), capable);
  std::string out = fmt::format("GPU {}: MIG {}{}\n", gpu, current ? "on" : "off",
                                current == pending ? ""
                                : pending          ? ", on after a GPU reset"
                                                   : ", off after a GPU reset");
  if (!current) return out;
  for (const Profile& profile : profiles_of(library, *device)) {
    const auto instances = instances_of(library, *device, profile);
    if (!instances) return instances.error();
    for (const GpuInstance instance : *instances) {
      GpuInstanceInfo info{};
      TRY_NVML("GPU instance", library.nvmlGpuInstanceGetInfo(instance, &info));
      const auto computes = computes_of(library, instance);
      if (!computes) return computes.error();
      const std::string head =
          fmt::format("  GI {:<3} {:<14} {}:{}", info.id, profile.name, info.placement.start, info.placement.size);
      if (computes->empty()) out += head + "  no compute instance\n";
      for (const Compute& compute : *computes)
        out += fmt::format("{}  CI {} {}:{}  {}\n", head, compute.info.id, compute.info.placement.start,
                           compute.info.placement.size, uuid_of(library, *device, info.id, compute.info.id));
    }
  }
  return out;
}

Outcome<u32> compute_index(const std::string& word) {
  static constexpr struct {
    const char* word;
    u32 index;
  } kWords[] = {{"1c", kCi1Slice}, {"2c", kCi2Slice}, {"3c", kCi3Slice}, {"4c", kCi4Slice}, {"7c", kCi7Slice}};
  for (const auto& known : kWords)
    if (word == known.word) return known.index;
  return Failure{fmt::format("--compute {}: one of 1c, 2c, 3c, 4c, 7c expected", word)};
}

Outcome<u32> whole_index(const Library& library, GpuInstance instance, u32 slices) {
  for (u32 index = 0; index < kCiProfileCount; ++index) {
    ComputeInstanceProfileInfo info{};
    if (library.nvmlGpuInstanceGetComputeInstanceProfileInfo(instance, index, kEngineShared, &info) == kSuccess &&
        info.sliceCount == slices)
      return index;
  }
  return Failure{"the driver has no compute instance over the whole GPU instance"};
}

}  // namespace

Outcome<std::string> mig_list(const Library& library, std::optional<unsigned> gpu) {
  if (gpu) return list_gpu(library, *gpu);
  u32 count = 0;
  TRY_NVML("number of GPUs", library.nvmlDeviceGetCount_v2(&count));
  std::string out;
  for (unsigned i = 0; i < count; ++i) {
    auto one = list_gpu(library, i);
    if (!one) return one;
    out += *one;
  }
  return out;
}

Outcome<std::string> mig_profiles(const Library& library, unsigned gpu) {
  const auto device = open_gpu(library, gpu);
  if (!device) return device.error();
  std::string out = fmt::format("{:<16} {:>3} {:>6} {:>5} {:>8} {:>5}  placements\n", "profile", "id", "slices", "SMs",
                                "MiB", "free");
  for (const Profile& profile : profiles_of(library, *device)) {
    std::array<Placement, 16> places{};
    u32 count = places.size(), left = 0;
    TRY_NVML(profile.name + ": placements",
             library.nvmlDeviceGetGpuInstancePossiblePlacements_v2(*device, profile.info.id, places.data(), &count));
    library.nvmlDeviceGetGpuInstanceRemainingCapacity(*device, profile.info.id, &left);
    std::string starts;
    for (u32 i = 0; i < count; ++i) starts += fmt::format("{}{}", i == 0 ? "" : ",", places[i].start);
    out += fmt::format("{:<16} {:>3} {:>6} {:>5} {:>8} {:>5}  {{{}}}:{}\n", profile.name, profile.info.id,
                       profile.info.sliceCount, profile.info.multiprocessorCount, profile.info.memorySizeMB, left,
                       starts, places[0].size);
  }
  return out;
}

Outcome<std::string> mig_create(const Library& library, const MigCreate& wanted) {
  const auto device = open_gpu(library, wanted.gpu);
  if (!device) return device.error();
  const auto profiles = profiles_of(library, *device);
  const Profile* profile = nullptr;
  for (const Profile& known : profiles)
    if (known.name == wanted.profile) profile = &known;
  if (!profile) return Failure{fmt::format("--profile {}: one of {} expected", wanted.profile, names_of(profiles))};

  const std::string what = fmt::format("create {} on GPU {}", wanted.profile, wanted.gpu);
  GpuInstance instance{};
  if (wanted.start) {
    Placement place{*wanted.start, 0};
    std::array<Placement, 16> places{};
    u32 count = places.size();
    TRY_NVML(what,
             library.nvmlDeviceGetGpuInstancePossiblePlacements_v2(*device, profile->info.id, places.data(), &count));
    place.size = places[0].size;
    TRY_NVML(fmt::format("{} at {}", what, *wanted.start),
             library.nvmlDeviceCreateGpuInstanceWithPlacement(*device, profile->info.id, &place, &instance));
  } else {
    TRY_NVML(what, library.nvmlDeviceCreateGpuInstance(*device, profile->info.id, &instance));
  }
  std::vector<u32> computes;
  for (const std::string& word : wanted.compute) {
    const auto index = compute_index(word);
    if (!index) return index.error();
    computes.push_back(*index);
  }
  if (computes.empty() && !wanted.no_compute) {
    const auto index = whole_index(library, instance, profile->info.sliceCount);
    if (!index) return index.error();
    computes.push_back(*index);
  }
  for (const u32 index : computes) {
    ComputeInstance compute{};
    TRY_NVML(what + ": compute instance", library.nvmlGpuInstanceCreateComputeInstance(instance, index, &compute));
  }
  return list_gpu(library, wanted.gpu);
}

Outcome<std::string> mig_destroy(const Library& library, unsigned gpu, unsigned gi, std::optional<unsigned> ci) {
  const auto device = open_gpu(library, gpu);
  if (!device) return device.error();
  const std::string what = fmt::format("destroy GI {} of GPU {}", gi, gpu);
  GpuInstance instance{};
  TRY_NVML(what, library.nvmlDeviceGetGpuInstanceById(*device, gi, &instance));
  const auto computes = computes_of(library, instance);
  if (!computes) return computes.error();
  for (const Compute& compute : *computes)
    if (!ci || *ci == compute.info.id)
      TRY_NVML(fmt::format("{}: CI {}", what, compute.info.id), library.nvmlComputeInstanceDestroy(compute.handle));
  if (!ci) TRY_NVML(what, library.nvmlGpuInstanceDestroy(instance));
  return list_gpu(library, gpu);
}

Outcome<std::string> mig_mode(const Library& library, unsigned gpu, bool on) {
  const auto device = open_gpu(library, gpu);
  if (!device) return device.error();
  const std::string what = fmt::format("MIG {} on GPU {}", on ? "on" : "off", gpu);
  Return activation = kSuccess;
  TRY_NVML(what, library.nvmlDeviceSetMigMode(*device, on ? kMigEnabled : kMigDisabled, &activation));
  if (activation == kResetRequired) return what + ": pending until 'tessera-sim reset'\n";
  if (activation != kSuccess) return refused(library, what + ": pending, not in effect", activation);
  return what + "\n";
}

}  // namespace tessera::sim
