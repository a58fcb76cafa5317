// A driver library that passes every call on to another one and adds up the time spent there, so that a benchmark can
// tell the agent's own cost from the (simulated) driver's. TESSERA_METER_DRIVER names the other library; the sums are
// written to TESSERA_METER_FILE every thousand calls, as "<calls> <nanoseconds>".
#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "nvml/abi.h"

namespace {
std::atomic<unsigned long long> calls{0};
std::atomic<unsigned long long> nanoseconds{0};

void* real_symbol(const char* name) {
  static void* const library = [] {
    void* handle = dlopen(std::getenv("TESSERA_METER_DRIVER"), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) std::fprintf(stderr, "driver meter: %s\n", dlerror()), std::abort();
    return handle;
  }();
  return dlsym(library, name);
}

void write_sums() {
  const char* path = std::getenv("TESSERA_METER_FILE");
  if (path == nullptr) return;
  if (std::FILE* file = std::fopen(path, "w")) {
    std::fprintf(file, "%llu %llu\n", calls.load(), nanoseconds.load());
    std::fclose(file);
  }
}

using Register = long;  // every argument of the interface is an integer or a pointer, and there are at most six
using Function = Register (*)(Register, Register, Register, Register, Register, Register);
}  // namespace

/// Waiting for events is not work, and is left out.
#define TESSERA_METER(name, result, arguments)                                                                    \
  extern "C" __attribute__((visibility("default"))) Register name(Register a, Register b, Register c, Register d, \
                                                                  Register e, Register f) {                       \
    static const auto function = reinterpret_cast<Function>(real_symbol(#name));                                  \
    if (function == nullptr) return static_cast<Register>(tessera::nvml::abi::Return::kFunctionNotFound);         \
    const auto begin = std::chrono::steady_clock::now();                                                          \
    const Register answer = function(a, b, c, d, e, f);                                                           \
    const auto spent = std::chrono::steady_clock::now() - begin;                                                  \
    if (std::string_view(#name).find("EventSetWait") == std::string_view::npos)                                   \
      nanoseconds += static_cast<unsigned long long>(std::chrono::nanoseconds(spent).count());                    \
    if (++calls % 1000 == 0) write_sums();                                                                        \
    return answer;                                                                                                \
  }
TESSERA_NVML_FUNCTIONS(TESSERA_METER)

extern "C" __attribute__((visibility("default"))) int nvmlTesseraSimulated() { return 1; }
