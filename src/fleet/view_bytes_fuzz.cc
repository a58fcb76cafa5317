// Whatever is read as a node or an engine is written as one that reads the same.
#include <cstdint>
#include <cstdlib>

#include "fleet/view_bytes.h"

namespace {
using namespace tessera::fleet;

template <class Read>
void check(const Read& read, std::string_view input) {
  const auto one = read(input);
  if (!one) return;
  const std::string bytes = to_bytes(*one);
  const auto again = read(bytes);
  if (!again || to_bytes(*again) != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(node_from_bytes, input);
  check(engine_from_bytes, input);
  return 0;
}
