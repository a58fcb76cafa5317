#include "nvml/codes.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

namespace tessera::nvml {
namespace {

struct Advice {
  abi::Return code;
  std::string_view text;
};
constexpr Advice kAdvice[] = {
    {abi::kUninitialized, "the driver was unloaded under this process: restart it"},
    {abi::kNoPermission,
     "this user may not open the device nodes: run as root, or check the rights of /dev/nvidia* and the container's "
     "device cgroup"},
    {abi::kDriverNotLoaded,
     "the nvidia kernel module is not loaded: run `modprobe nvidia`, and look at `dmesg` if that fails; on a node "
     "without a GPU this program has nothing to read"},
    {abi::kLibraryNotFound,
     "a library of the driver is missing: install the complete driver, or give the container "
     "NVIDIA_DRIVER_CAPABILITIES=utility"},
    {abi::kGpuIsLost, "the GPU has fallen off the bus: look for an Xid in `dmesg`, then reset it or reboot the node"},
    {abi::kResetRequired, "run `nvidia-smi --gpu-reset`, or reboot the node"},
    {abi::kOperatingSystem,
     "the operating system refused: check that /dev/nvidiactl exists and that the container may use it"},
    {abi::kLibRmVersionMismatch,
     "the driver's library and its kernel module have different versions, as after an upgrade: reboot or reload the "
     "module, then restart this program"},
};

}  // namespace

bool is_absent(abi::Return code) {
  return code == abi::kNotSupported || code == abi::kFunctionNotFound || code == abi::kDeprecated ||
         code == abi::kArgumentVersionMismatch;
}

bool is_lost(abi::Return code) {
  return code == abi::kGpuIsLost || code == abi::kResetRequired || code == abi::kGpuNotFound;
}

bool is_driver_gone(abi::Return code) {
  return code == abi::kUninitialized || code == abi::kDriverNotLoaded || code == abi::kLibRmVersionMismatch;
}

std::string describe(const Api& api, abi::Return code) {
  const char* text = api.nvmlErrorString ? api.nvmlErrorString(code) : nullptr;
  return fmt::format("{} ({})", text ? text : "NVML error", static_cast<int>(code));
}

std::string_view advice(abi::Return code) {
  const auto* found = std::ranges::find(kAdvice, code, &Advice::code);
  return found == std::end(kAdvice) ? std::string_view{} : found->text;
}

Code code_of(abi::Return code) { return code == abi::kNoPermission ? Code::Denied : Code::Unavailable; }

}  // namespace tessera::nvml
