#pragma once
// MIG: the profiles that a device offers, and the instances that it is cut into now.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/device.h"
#include "nvml/calls.h"

namespace tessera::nvml {

/// "+me", "-me", "+gfx", "+me.all" or nothing, by the driver's index of GPU-instance profiles.
std::string_view profile_attribute(unsigned index);

/// A GPU instance's name on drivers that have none, by the rule of NVIDIA's tools. Where the device's memory is not
/// known (0), the instance's own size stands in the name.
std::string profile_by_rule(unsigned slices, std::uint64_t mib, std::uint64_t device_mib,
                            std::string_view attribute = "");

/// The driver's profiles; empty on a board without MIG. Works whether MIG mode is on or off. `device_bytes` serves the
/// names on drivers that have none; placements stay empty where the driver keeps them for root.
std::vector<gpu::Profile> read_profiles(Asking& device, std::optional<std::uint64_t> device_bytes);

/// One MIG device of a layout: the handle, good until the layout changes, and what does not change while it lives.
struct MigDevice {
  abi::Device handle = nullptr;
  gpu::Instance identity;
};
using Layout = std::vector<MigDevice>;

/// Whether both have the same instances in the same slots.
bool same_instances(const Layout& a, const Layout& b);

/// Walks the device's MIG slots, which have holes. What is known of an instance of `before` is not asked again.
/// Nothing if the device would not tell how many slots there are.
std::optional<Layout> read_layout(Asking& device, const std::vector<gpu::Profile>& profiles, const Layout& before,
                                  std::optional<std::uint64_t> device_bytes);

/// The UUID behind a handle now; empty if there is none. Handles are reused for other instances.
std::string uuid_of(const Api& api, abi::Device handle);

}  // namespace tessera::nvml
