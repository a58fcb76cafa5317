#pragma once
// What the driver's texts and numbers say about the name of a MIG profile. The names themselves: gpu/profile_name.h.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::nvml {

/// The GPU instance's profile in a driver's text: `3g.40gb` in "NVIDIA H100 80GB HBM3 MIG 1c.3g.40gb", "MIG 3g.40gb"
/// and "3g.40gb".
std::optional<std::string> gpu_instance_profile_in(std::string_view text);

/// For drivers that have no names: by the rule of NVIDIA's tools. Where the device's memory is not known, the
/// instance's own size stands in the name.
std::string gpu_instance_profile(unsigned compute_slices, std::uint64_t instance_mib,
                                 std::optional<std::uint64_t> device_mib, std::string_view suffix = "");

/// "+me", "-me", "+gfx", "+me.all" or nothing, by the driver's index of GPU-instance profiles.
std::string_view profile_suffix(unsigned profile_index);

/// `1c.3g.40gb` for a compute instance that is a part of its GPU instance, else the GPU instance's profile.
std::string compute_instance_profile(std::string_view gpu_instance_profile, unsigned compute_slices,
                                     unsigned gi_slices);

}  // namespace tessera::nvml
