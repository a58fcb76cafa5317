#pragma once
// What a device is, apart from what it does: facts that stay while it is the same device.
#include "gpu/device.h"
#include "nvml/calls.h"

namespace tessera::nvml {

/// Fills name, PCI address, minor, serial, architecture, compute capability, virtualization and ECC mode.
void read_identity(const Api& api, abi::Device device, gpu::Device& out);

/// Modes that an administrator changes while the device runs.
void read_modes(Asking& asking, gpu::Device& out);

}  // namespace tessera::nvml
