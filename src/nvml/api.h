#pragma once
// The driver's functions as one table of pointers.
#include "nvml/abi.h"

namespace tessera::nvml::abi {

/// Every function of abi.h's list; null where the loaded library does not export it. A null is never called: it means
/// "not supported by this driver".
struct Functions {
#define TESSERA_NVML_MEMBER(name, returns, parameters) returns(*name) parameters = nullptr;
  TESSERA_NVML_FUNCTIONS(TESSERA_NVML_MEMBER)
#undef TESSERA_NVML_MEMBER
};

}  // namespace tessera::nvml::abi

namespace tessera::nvml {
using Api = abi::Functions;
}  // namespace tessera::nvml
