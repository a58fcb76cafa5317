#include "sim/library.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace tessera::sim {

Outcome<std::unique_ptr<Library>> Library::open(const std::string& path) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) return Failure{fmt::format("driver library: {}", ::dlerror())};
  return std::unique_ptr<Library>(new Library(handle));
}

Library::Library(void* handle) : handle_(handle) {
#define TESSERA_RESOLVE(symbol, result, parameters) \
  symbol = reinterpret_cast<signatures::symbol*>(::dlsym(handle_, #symbol));
  TESSERA_NVML_FUNCTIONS(TESSERA_RESOLVE)
#undef TESSERA_RESOLVE
  nvmlTesseraSimulated = reinterpret_cast<int (*)()>(::dlsym(handle_, "nvmlTesseraSimulated"));
}

Library::~Library() { ::dlclose(handle_); }

}  // namespace tessera::sim
