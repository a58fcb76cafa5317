#pragma once
// Names of MIG profiles, `[<c>c.]<g>g.<gb>gb[+attr|-attr]`: read, written, and as Kubernetes resources.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera::gpu {

struct ProfileName {
  unsigned compute_slices = 0;       ///< of the compute instance; written only where it is a part of its GPU instance
  unsigned gpu_instance_slices = 0;  ///< compute slices of the GPU instance
  unsigned gigabytes = 0;            ///< a name, not a size: compare needs with the bytes that the driver reports
  std::string attribute;             ///< "+me", "+me.all", "+gfx", "-me"; empty for none
  bool operator==(const ProfileName&) const = default;
};

Result<ProfileName> parse_profile_name(std::string_view text);
/// The name in a text of the driver: in "NVIDIA H100 80GB HBM3 MIG 1c.3g.40gb", "MIG 3g.40gb" and "3g.40gb".
std::optional<ProfileName> find_profile_name(std::string_view text);
std::string format_profile_name(const ProfileName& name);

/// The number in a name, by the rule of NVIDIA's tools: the instance's memory in whole eighths of the device's, rounded
/// up, times the device's whole GiB, rounded up, rounded to a whole number. `device_mib` is not 0.
unsigned profile_gigabytes(std::uint64_t instance_mib, std::uint64_t device_mib);

/// What a pod asks for under the mixed strategy: `nvidia.com/mig-1g.10gb.me`, where `.` stands for `+`.
std::string format_resource_name(const ProfileName& name);
/// NotFound for a resource that is no MIG profile, as `nvidia.com/gpu`.
Result<ProfileName> parse_resource_name(std::string_view resource);

}  // namespace tessera::gpu
