// System calls of the library: init, versions, names of errors and processes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "sim/driver.h"

using namespace tessera::sim;

namespace {

constexpr std::array<const char*, 31> kErrorTexts = {"Success",
                                                     "Uninitialized",
                                                     "Invalid Argument",
                                                     "Not Supported",
                                                     "Insufficient Permissions",
                                                     "Already Initialized",
                                                     "Not Found",
                                                     "Insufficient Size",
                                                     "Insufficient External Power",
                                                     "Driver Not Loaded",
                                                     "Timeout",
                                                     "Interrupt Request Issue",
                                                     "NVML Shared Library Not Found",
                                                     "Function Not Found",
                                                     "Corrupted infoROM",
                                                     "GPU is lost",
                                                     "GPU requires reset",
                                                     "The operating system has blocked the request",
                                                     "Driver/library version mismatch",
                                                     "In use by another client",
                                                     "Insufficient Memory",
                                                     "No data",
                                                     "ECC is not supported on vGPU",
                                                     "Insufficient Resources",
                                                     "Frequency Not Supported",
                                                     "Argument version mismatch",
                                                     "Deprecated",
                                                     "Not Ready",
                                                     "GPU not found",
                                                     "Invalid State",
                                                     "Reset type not supported"};

std::string driver_number(const Call& call) {
  const std::string& given = call.node.spec().driver.version;
  return given.empty() ? generation().driver_version : given;
}

unsigned cuda_number(const Call& call) {
  const unsigned given = call.node.spec().driver.cuda;
  return given != 0 ? given : static_cast<unsigned>(generation().cuda);
}

}  // namespace

TESSERA_EXPORT int nvmlTesseraSimulated() { return 1; }

TESSERA_EXPORT Return nvmlInit() { return init_driver(); }
TESSERA_EXPORT Return nvmlInit_v2() { return init_driver(); }
TESSERA_EXPORT Return nvmlInitWithFlags(u32) { return init_driver(); }
TESSERA_EXPORT Return nvmlShutdown() { return shutdown_driver(); }

TESSERA_EXPORT const char* nvmlErrorString(Return code) {
  const auto index = static_cast<std::size_t>(static_cast<int>(code));
  return index < kErrorTexts.size() ? kErrorTexts[index] : "Unknown Error";
}

TESSERA_EXPORT Return nvmlSystemGetDriverVersion(char* out, u32 length) {
  return on_node(__func__, [&](Call& call) { return copy_text(driver_number(call) + "-tessera-sim", out, length); });
}

TESSERA_EXPORT Return nvmlSystemGetNVMLVersion(char* out, u32 length) {
  return on_node(__func__, [&](Call& call) {
    return copy_text(fmt::format("{}.{}-sim", cuda_number(call) / 1000, driver_number(call)), out, length);
  });
}

TESSERA_EXPORT Return nvmlSystemGetCudaDriverVersion(int* out) {
  return on_node(__func__, [&](Call& call) {
    if (!out) return kInvalidArgument;
    *out = static_cast<int>(cuda_number(call));
    return kSuccess;
  });
}
TESSERA_EXPORT Return nvmlSystemGetCudaDriverVersion_v2(int* out) { return nvmlSystemGetCudaDriverVersion(out); }

TESSERA_EXPORT Return nvmlSystemGetProcessName(u32 pid, char* out, u32 length) {
  return on_node(__func__, [&](Call& call) {
    std::string name;
    for (std::size_t gpu = 0; gpu < call.state->gpus.size() && name.empty(); ++gpu)
      call.node.each_process(*call.state, gpu, nullptr, call.now, [&](const LiveProcess& process) {
        if (process.pid == pid) name = process.spec->command;
      });
    if (name.empty()) return kNotFound;
    if (!out || length == 0) return kInvalidArgument;
    name.resize(std::min<std::size_t>(name.size(), length - 1));  // the real one cuts too
    return copy_text(name, out, length);
  });
}

TESSERA_EXPORT Return nvmlSystemGetDriverBranch(DriverBranchInfo* out, u32 length) {
  return on_node(__func__, [&](Call& call) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<DriverBranchInfo>) return kArgumentVersionMismatch;
    const std::string number = driver_number(call);
    return copy_text("r" + number.substr(0, number.find('.')) + "_00", out->branch,
                     std::min<u32>(length, sizeof out->branch));
  });
}
