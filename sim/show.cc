#include <fmt/format.h>

#include <vector>

#include "sim/commands.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

constexpr double kMiB = 1048576;

std::string text_of(Return (*call)(Device, char*, u32), Device device) {
  char out[kNameBuffer] = "";
  return call && call(device, out, sizeof out) == kSuccess ? out : "-";
}

std::string memory_of(const Library& library, Device device) {
  Memory memory{};
  if (library.nvmlDeviceGetMemoryInfo(device, &memory) != kSuccess) return "-";
  return fmt::format("{:.0f}/{:.0f} MiB", static_cast<double>(memory.used) / kMiB,
                     static_cast<double>(memory.total) / kMiB);
}

std::string processes_of(const Library& library, Device device, const char* indent) {
  std::string out;
  const auto add = [&](Return (*list)(Device, u32*, ProcessInfo*), const char* type) {
    u32 count = 0;
    if (!list || list(device, &count, nullptr) != kInsufficientSize) return;
    // Entries may be wider than declared (a driver quirk that can be switched on here): room for 32 bytes each.
    constexpr u32 kSlack = 16;
    std::vector<ProcessInfo> entries((count + kSlack) * 2);
    u32 got = count + kSlack;
    if (list(device, &got, entries.data()) != kSuccess) return;
    constexpr u32 kShown = 20;
    for (u32 i = 0; i < std::min(got, kShown); ++i) {
      char name[64] = "-";
      library.nvmlSystemGetProcessName(entries[i].pid, name, sizeof name);
      out += fmt::format("{}pid {:<8} {:<3} {:>8.0f} MiB  {}\n", indent, entries[i].pid, type,
                         static_cast<double>(entries[i].usedGpuMemory) / kMiB, name);
    }
    if (got > kShown) out += fmt::format("{}and {} more\n", indent, got - kShown);
  };
  add(library.nvmlDeviceGetComputeRunningProcesses_v2, "C");
  add(library.nvmlDeviceGetGraphicsRunningProcesses_v2, "G");
  add(library.nvmlDeviceGetMPSComputeRunningProcesses_v2, "MPS");
  return out;
}

std::string show_mig(const Library& library, Device device) {
  std::string out;
  u32 most = 0;
  library.nvmlDeviceGetMaxMigDeviceCount(device, &most);
  for (u32 slot = 0; slot < most; ++slot) {
    Device mig{};
    u32 gi = 0, ci = 0;
    if (library.nvmlDeviceGetMigDeviceHandleByIndex(device, slot, &mig) != kSuccess) continue;
    if (library.nvmlDeviceGetGpuInstanceId(mig, &gi) != kSuccess ||
        library.nvmlDeviceGetComputeInstanceId(mig, &ci) != kSuccess)
      continue;
    const std::string name = text_of(library.nvmlDeviceGetName, mig);
    const std::size_t cut = name.find(" MIG ");
    out += fmt::format("  [{}] GI {} CI {}  {}  {}  {}\n", slot, gi, ci,
                       cut == std::string::npos ? name : name.substr(cut + 5), text_of(library.nvmlDeviceGetUUID, mig),
                       memory_of(library, mig));
    out += processes_of(library, mig, "      ");
  }
  return out;
}

std::string show_gpu(const Library& library, unsigned index) {
  Device device{};
  if (const Return code = library.nvmlDeviceGetHandleByIndex_v2(index, &device); code != kSuccess)
    return fmt::format("GPU {}: {}\n", index, library.nvmlErrorString(code));
  std::string out = fmt::format("GPU {}: {}  {}\n  {}", index, text_of(library.nvmlDeviceGetName, device),
                                text_of(library.nvmlDeviceGetUUID, device), memory_of(library, device));
  Utilization use{};
  if (library.nvmlDeviceGetUtilizationRates(device, &use) == kSuccess) out += fmt::format(", {} % busy", use.gpu);
  u32 number = 0;
  if (library.nvmlDeviceGetPowerUsage(device, &number) == kSuccess) out += fmt::format(", {} W", number / 1000);
  if (library.nvmlDeviceGetTemperature(device, kTemperatureGpu, &number) == kSuccess)
    out += fmt::format(", {} C", number);
  u32 current = 0, pending = 0;
  const bool mig = library.nvmlDeviceGetMigMode(device, &current, &pending) == kSuccess && current == kMigEnabled;
  out += mig ? ", MIG on\n" : "\n";
  return out + (mig ? show_mig(library, device) : processes_of(library, device, "    "));
}

}  // namespace

Outcome<std::string> show(const Library& library) {
  char driver[kVersionBuffer] = "-";
  library.nvmlSystemGetDriverVersion(driver, sizeof driver);
  u32 count = 0;
  if (const Return code = library.nvmlDeviceGetCount_v2(&count); code != kSuccess)
    return Failure{fmt::format("number of GPUs: {}", library.nvmlErrorString(code))};
  std::string out = fmt::format("driver {}, {} GPU{}\n", driver, count, count == 1 ? "" : "s");
  for (unsigned i = 0; i < count; ++i) out += show_gpu(library, i);
  return out;
}

}  // namespace tessera::sim
