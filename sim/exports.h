// Declares every exported function from the ABI header, so that a definition whose type differs does not compile.
#pragma once

#include "nvml/abi.h"

#define TESSERA_EXPORT extern "C" __attribute__((visibility("default")))

namespace tessera::nvml::abi {
#define TESSERA_DECLARE(symbol, result, parameters) TESSERA_EXPORT result symbol parameters;
TESSERA_NVML_FUNCTIONS(TESSERA_DECLARE)
#undef TESSERA_DECLARE
}  // namespace tessera::nvml::abi

// Tells a simulated library from a real one: no NVIDIA driver has it. Returns 1.
TESSERA_EXPORT int nvmlTesseraSimulated();
