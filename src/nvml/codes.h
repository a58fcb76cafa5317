#pragma once
// What the driver's return codes mean to us: which ones say "never", which ones end a device, and what a person can do.
#include <string>
#include <string_view>

#include "base/result.h"
#include "nvml/api.h"

namespace tessera::nvml {

/// This driver or board does not have what was asked for: worth asking again only rarely.
bool is_absent(abi::Return code);

/// The device itself is gone or unusable: nothing more is to be had from it in this collection.
bool is_lost(abi::Return code);

/// The driver as a whole was unloaded or exchanged under this process: only starting it anew can help.
bool is_driver_gone(abi::Return code);

/// "GPU is lost (15)": the driver's own words (nvmlErrorString) and the number, for any number.
std::string describe(const Api& api, abi::Return code);

/// One sentence of what to do about it; empty where we have no advice.
std::string_view advice(abi::Return code);

/// How callers branch on a refusal.
Code code_of(abi::Return code);

}  // namespace tessera::nvml
