#pragma once
// The numbers that the driver has one call each for: clocks, power, temperature, utilization, memory, PCIe.
#include <cstdint>
#include <optional>

#include "gpu/reading.h"
#include "nvml/calls.h"

namespace tessera::nvml {

/// In MIG mode the driver has no utilization of the whole device; whatever it answers then is not believed.
void read_scalars(Asking& asking, bool mig_enabled, gpu::Readings& out);

/// Memory of a device or a MIG instance. The older call has no "reserved", and its "used" includes it.
void read_memory(Asking& asking, Call newer, Call older, gpu::Readings& out);

}  // namespace tessera::nvml
