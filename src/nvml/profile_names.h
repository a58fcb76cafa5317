#pragma once
// Names of MIG profiles: `1g.10gb`, `1g.10gb+me`, `1c.3g.40gb`. The driver's own name is taken where it has one.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tessera::nvml {

/// By the rule that NVIDIA's tools use: the instance's share of the device's memory, rounded up to eighths, of the
/// device's whole GiB. One instance has different names on devices of different memory.
std::string profile_name(unsigned compute_slices, std::uint64_t instance_mib, std::uint64_t device_bytes,
                         std::string_view suffix = "");

/// "+me", "-me", "+gfx", "+me.all" or nothing, by the driver's index of GPU-instance profiles.
std::string_view profile_suffix(unsigned profile_index);

/// `1c.3g.40gb` for a compute instance that is a part of its GPU instance, else the GPU instance's name.
std::string instance_profile(std::string_view gpu_instance_profile, unsigned compute_slices, unsigned gi_slices);

/// The profile in a driver's text: "NVIDIA H100 80GB HBM3 MIG 1c.3g.40gb" or "MIG 1g.10gb+me" or "1g.10gb".
std::optional<std::string> profile_in(std::string_view text);

/// `3g.40gb` of `1c.3g.40gb`.
std::string_view without_compute_part(std::string_view profile);

}  // namespace tessera::nvml
