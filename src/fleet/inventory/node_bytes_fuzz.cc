// Whatever is read as a node is written as one that reads the same.
#include <cstdint>
#include <cstdlib>

#include "fleet/inventory/node_bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::fleet;
  const auto node = node_from_bytes({reinterpret_cast<const char*>(data), size});
  if (!node) return 0;
  const std::string bytes = to_bytes(*node);
  const auto again = node_from_bytes(bytes);
  if (!again || to_bytes(*again) != bytes) std::abort();
  return 0;
}
