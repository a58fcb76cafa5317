// The simulated library as its users see it: opened by path, every function looked up by name.
#pragma once

#include <memory>
#include <string>

#include "nvml/abi.h"
#include "sim/outcome.h"

namespace tessera::sim {

namespace signatures {
using namespace nvml::abi;
#define TESSERA_SIGNATURE(symbol, result, parameters) using symbol = result parameters;
TESSERA_NVML_FUNCTIONS(TESSERA_SIGNATURE)
#undef TESSERA_SIGNATURE
}  // namespace signatures

// A function that this generation does not export is null.
class Library {
 public:
  static Outcome<std::unique_ptr<Library>> open(const std::string& path);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

#define TESSERA_MEMBER(symbol, result, parameters) signatures::symbol* symbol = nullptr;
  TESSERA_NVML_FUNCTIONS(TESSERA_MEMBER)
#undef TESSERA_MEMBER
  int (*nvmlTesseraSimulated)() = nullptr;

 private:
  explicit Library(void* handle);
  void* handle_;
};

}  // namespace tessera::sim
