#include "nvml/mig.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <tuple>

#include "gpu/profile_name.h"
#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr unsigned kMostSlots = 64;
constexpr unsigned kMostPlacements = 64;

/// What the driver's index of GPU-instance profiles says beside their size.
constexpr struct {
  unsigned index;
  std::string_view attribute;
} kAttributes[] = {
    {abi::kGi1SliceMedia, "+me"},        {abi::kGi2SliceMedia, "+me"},     {abi::kGi1SliceGraphics, "+gfx"},
    {abi::kGi2SliceGraphics, "+gfx"},    {abi::kGi4SliceGraphics, "+gfx"}, {abi::kGi3SliceGraphics, "+gfx"},
    {abi::kGi1SliceNoMedia, "-me"},      {abi::kGi2SliceNoMedia, "-me"},   {abi::kGi1SliceAllMedia, "+me.all"},
    {abi::kGi2SliceAllMedia, "+me.all"},
};

/// The GPU instance's profile in a driver's text, whatever part of it a compute instance is.
std::optional<std::string> gi_profile_in(std::string_view text) {
  auto name = gpu::find_profile_name(text);
  if (!name) return std::nullopt;
  name->compute_slices = name->gpu_instance_slices;
  return gpu::format_profile_name(*name);
}

struct ProfileFacts {
  unsigned id, slices, instances, sms;
  std::uint64_t memory_mib;
  std::string name;  // empty: this driver has none
};

template <class Info>
ProfileFacts facts_of(const Info& info) {
  ProfileFacts out{info.id, info.sliceCount, info.instanceCount, info.multiprocessorCount, info.memorySizeMB, ""};
  if constexpr (requires { info.name; }) {
    const std::string_view text(info.name, ::strnlen(info.name, sizeof info.name));
    out.name = gi_profile_in(text).value_or("");
  }
  return out;
}

template <class Info>
std::optional<ProfileFacts> versioned_facts(const Api& api, abi::Device device, unsigned index, abi::Return& code) {
  auto info = abi::versioned<Info>();
  code = api.nvmlDeviceGetGpuInstanceProfileInfoV(device, index, &info);
  if (code != abi::kSuccess) return std::nullopt;
  return facts_of(info);
}

/// The newest form that the driver understands; an older form only where it does not know the newer one.
std::optional<ProfileFacts> profile_facts(const Api& api, abi::Device device, unsigned index) {
  if (api.nvmlDeviceGetGpuInstanceProfileInfoV) {
    abi::Return code = abi::kSuccess;
    if (auto facts = versioned_facts<abi::GpuInstanceProfileInfoV3>(api, device, index, code)) return facts;
    if (code == abi::kArgumentVersionMismatch || code == abi::kInvalidArgument)
      if (auto facts = versioned_facts<abi::GpuInstanceProfileInfoV2>(api, device, index, code)) return facts;
    if (code != abi::kArgumentVersionMismatch) return std::nullopt;
  }
  abi::GpuInstanceProfileInfo info{};
  if (!api.nvmlDeviceGetGpuInstanceProfileInfo ||
      api.nvmlDeviceGetGpuInstanceProfileInfo(device, index, &info) != abi::kSuccess)
    return std::nullopt;
  return facts_of(info);
}

std::vector<gpu::Placement> possible_placements(const Api& api, abi::Device device, unsigned profile_id) {
  const auto ask = api.nvmlDeviceGetGpuInstancePossiblePlacements_v2;
  abi::u32 count = 0;
  if (!ask || ask(device, profile_id, nullptr, &count) != abi::kSuccess || count == 0) return {};
  count = std::min(count, kMostPlacements);
  std::array<abi::Placement, kMostPlacements> raw{};
  if (ask(device, profile_id, raw.data(), &count) != abi::kSuccess) return {};
  std::vector<gpu::Placement> out;
  for (const abi::Placement& p : std::span(raw).first(std::min(count, kMostPlacements)))
    out.push_back({p.start, p.size});
  std::ranges::sort(out);
  return out;
}

/// What only a privileged user may see: where the GPU instance lies, and exactly which profile it is.
struct GpuInstanceFacts {
  gpu::Placement placement;
  unsigned profile_id = 0;
};
std::optional<GpuInstanceFacts> gpu_instance_facts(Asking& device, unsigned id) {
  abi::GpuInstance instance = nullptr;
  abi::GpuInstanceInfo info{};
  if (!device.may_ask(Call::GpuInstance, device.api.nvmlDeviceGetGpuInstanceById && device.api.nvmlGpuInstanceGetInfo))
    return std::nullopt;
  const abi::Return code = device.api.nvmlDeviceGetGpuInstanceById(device.handle, id, &instance);
  if (is_absent(code) || code == abi::kNoPermission) device.note(Call::GpuInstance, code);
  if (code != abi::kSuccess || device.api.nvmlGpuInstanceGetInfo(instance, &info) != abi::kSuccess) return std::nullopt;
  return GpuInstanceFacts{{info.placement.start, info.placement.size}, info.profileId};
}

std::string name_of(const Api& api, abi::Device handle) {
  std::array<char, abi::kNameBuffer + 1> text{};
  if (!api.nvmlDeviceGetName || api.nvmlDeviceGetName(handle, text.data(), abi::kNameBuffer) != abi::kSuccess)
    return {};
  return text.data();
}

/// The GPU instance's profile: by its id where we may see it, else by the device's name, else the one profile of its
/// size, else by the naming rule.
std::string gi_profile(const Api& api, abi::Device handle, const gpu::Instance& instance,
                       const std::optional<GpuInstanceFacts>& facts, const std::vector<gpu::Profile>& profiles,
                       std::optional<std::uint64_t> device_bytes) {
  if (facts)
    for (const gpu::Profile& profile : profiles)
      if (profile.id == facts->profile_id) return profile.name;
  if (auto named = gi_profile_in(name_of(api, handle))) return *std::move(named);
  for (const gpu::Profile& profile : profiles)
    if (profile.compute_slices == instance.gi_compute_slices && profile.memory_bytes == instance.memory_bytes)
      return profile.name;
  return profile_by_rule(instance.gi_compute_slices, instance.memory_bytes / kMib, device_bytes.value_or(0) / kMib);
}

bool same_instance(const gpu::Instance& a, const gpu::Instance& b) {
  return a.gpu_instance == b.gpu_instance && a.compute_instance == b.compute_instance && a.uuid == b.uuid;
}

/// What stays as it is while the instance lives.
bool complete(Asking& device, abi::Device handle, const std::vector<gpu::Profile>& profiles,
              std::optional<std::uint64_t> device_bytes, gpu::Instance& out) {
  abi::DeviceAttributes attributes{};
  if (!device.api.nvmlDeviceGetAttributes_v2 ||
      device.api.nvmlDeviceGetAttributes_v2(handle, &attributes) != abi::kSuccess)
    return false;
  out.gi_compute_slices = attributes.gpuInstanceSliceCount;
  out.compute_slices = attributes.computeInstanceSliceCount;
  out.sm_count = attributes.multiprocessorCount;
  out.memory_bytes = attributes.memorySizeMB * kMib;
  const auto facts = gpu_instance_facts(device, out.gpu_instance);
  if (facts) out.placement = facts->placement;
  out.profile = gi_profile(device.api, handle, out, facts, profiles, device_bytes);
  if (auto name = gpu::parse_profile_name(out.profile); name && out.compute_slices < out.gi_compute_slices) {
    name->compute_slices = out.compute_slices;
    out.profile = gpu::format_profile_name(*name);
  }
  return true;
}

/// One slot; nothing where it is empty or its instance goes away while we look.
std::optional<MigDevice> read_slot(Asking& device, unsigned slot, const std::vector<gpu::Profile>& profiles,
                                   const Layout& before, std::optional<std::uint64_t> device_bytes) {
  const Api& api = device.api;
  MigDevice out;
  const abi::Return code = api.nvmlDeviceGetMigDeviceHandleByIndex(device.handle, slot, &out.handle);
  if (is_lost(code)) device.note(Call::GpuInstance, code);
  if (code != abi::kSuccess) return std::nullopt;  // an empty slot, or one that we may not see
  out.identity.uuid = uuid_of(api, out.handle);
  if (out.identity.uuid.empty() || !api.nvmlDeviceGetGpuInstanceId || !api.nvmlDeviceGetComputeInstanceId ||
      api.nvmlDeviceGetGpuInstanceId(out.handle, &out.identity.gpu_instance) != abi::kSuccess ||
      api.nvmlDeviceGetComputeInstanceId(out.handle, &out.identity.compute_instance) != abi::kSuccess)
    return std::nullopt;
  for (const MigDevice& known : before) {
    if (!same_instance(known.identity, out.identity)) continue;
    out.identity = known.identity;
    return out;
  }
  if (!complete(device, out.handle, profiles, device_bytes, out.identity)) return std::nullopt;
  return out;
}

}  // namespace

std::string_view profile_attribute(unsigned index) {
  const auto found = std::ranges::find_if(kAttributes, [&](const auto& row) { return row.index == index; });
  return found == std::end(kAttributes) ? std::string_view() : found->attribute;
}

std::string profile_by_rule(unsigned slices, std::uint64_t mib, std::uint64_t device_mib, std::string_view attribute) {
  const std::uint64_t whole = std::max<std::uint64_t>({device_mib, mib, 1});
  return gpu::format_profile_name({slices, slices, gpu::profile_gigabytes(mib, whole), std::string(attribute)});
}

std::vector<gpu::Profile> read_profiles(Asking& device, std::optional<std::uint64_t> device_bytes) {
  struct Found {
    ProfileFacts facts;
    unsigned index;
  };
  std::vector<Found> found;
  std::uint64_t largest_mib = 0;
  for (unsigned index = 0; index < abi::kGiProfileCount; ++index) {
    auto facts = profile_facts(device.api, device.handle, index);
    if (!facts || facts->slices == 0) continue;
    if (std::ranges::any_of(found, [&](const Found& other) { return other.facts.id == facts->id; })) continue;
    largest_mib = std::max(largest_mib, facts->memory_mib);
    found.push_back({std::move(*facts), index});
  }
  std::vector<gpu::Profile> out;
  for (const auto& [facts, index] : found) {
    gpu::Profile profile;
    profile.id = facts.id;
    profile.name = facts.name;
    if (profile.name.empty())
      profile.name = profile_by_rule(facts.slices, facts.memory_mib, device_bytes ? *device_bytes / kMib : largest_mib,
                                     profile_attribute(index));
    profile.compute_slices = facts.slices;
    if (facts.sms != 0) profile.sm_count = facts.sms;
    profile.memory_bytes = facts.memory_mib * kMib;
    profile.max_instances = facts.instances;
    profile.placements = possible_placements(device.api, device.handle, facts.id);
    out.push_back(std::move(profile));
  }
  std::ranges::sort(out, {},
                    [](const gpu::Profile& p) { return std::tuple(p.compute_slices, p.memory_bytes, p.name); });
  return out;
}

bool same_instances(const Layout& a, const Layout& b) {
  return std::ranges::equal(
      a, b, [](const MigDevice& x, const MigDevice& y) { return same_instance(x.identity, y.identity); });
}

std::optional<Layout> read_layout(Asking& device, const std::vector<gpu::Profile>& profiles, const Layout& before,
                                  std::optional<std::uint64_t> device_bytes) {
  const Api& api = device.api;
  if (!api.nvmlDeviceGetMaxMigDeviceCount || !api.nvmlDeviceGetMigDeviceHandleByIndex) return std::nullopt;
  abi::u32 slots = 0;
  if (api.nvmlDeviceGetMaxMigDeviceCount(device.handle, &slots) != abi::kSuccess) return std::nullopt;
  Layout out;
  for (unsigned slot = 0; slot < std::min(slots, kMostSlots); ++slot)
    if (auto found = read_slot(device, slot, profiles, before, device_bytes)) out.push_back(std::move(*found));
  return out;
}

std::string uuid_of(const Api& api, abi::Device handle) {
  std::array<char, abi::kUuidBuffer + 1> text{};
  if (!api.nvmlDeviceGetUUID || api.nvmlDeviceGetUUID(handle, text.data(), abi::kUuidBuffer) != abi::kSuccess)
    return {};
  return text.data();
}

}  // namespace tessera::nvml
