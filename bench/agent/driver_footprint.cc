// The memory that the simulated driver takes in a process of its own: RssAnon and RSS in MiB, what they grew by when it
// was loaded, initialised and asked for every device's instances and processes.
#include <dlfcn.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include "nvml/abi.h"

namespace {
namespace abi = tessera::nvml::abi;

double status_mib(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with(name + ':')) return std::stod(line.substr(name.size() + 1)) / 1024;
  return 0;
}

template <class Function>
Function symbol(void* library, const char* name) {
  return reinterpret_cast<Function>(dlsym(library, name));
}

using Processes = abi::Return (*)(abi::Device, unsigned*, abi::ProcessInfo*);

void ask(void* library, abi::Device device, Processes processes) {
  const auto mig =
      symbol<abi::Return (*)(abi::Device, unsigned, abi::Device*)>(library, "nvmlDeviceGetMigDeviceHandleByIndex");
  std::array<abi::ProcessInfo, 64> list{};
  for (unsigned i = 0; i < 7; ++i) {
    abi::Device instance{};
    auto count = static_cast<unsigned>(list.size());
    if (mig(device, i, &instance) == abi::Return{}) processes(instance, &count, list.data());
  }
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: driver_footprint LIBRARY\n"), 2;
  const double anon = status_mib("RssAnon");
  const double rss = status_mib("VmRSS");
  void* library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return std::fprintf(stderr, "%s\n", dlerror()), 1;
  symbol<abi::Return (*)()>(library, "nvmlInit_v2")();
  unsigned count = 0;
  symbol<abi::Return (*)(unsigned*)>(library, "nvmlDeviceGetCount_v2")(&count);
  const auto handle = symbol<abi::Return (*)(unsigned, abi::Device*)>(library, "nvmlDeviceGetHandleByIndex_v2");
  const auto processes = symbol<Processes>(library, "nvmlDeviceGetComputeRunningProcesses_v3");
  for (unsigned i = 0; i < count; ++i) {
    abi::Device device{};
    if (handle(i, &device) == abi::Return{}) ask(library, device, processes);
  }
  std::printf("%.2f %.2f\n", status_mib("RssAnon") - anon, status_mib("VmRSS") - rss);
  return 0;
}
