#include <cassert>
#include <cstdint>

#include "gpu/profile_name.h"

// What is accepted is read back from what is written, as a profile and as a resource.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::gpu;
  const auto parsed = parse_profile_name({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto again = parse_profile_name(format_profile_name(*parsed));
  assert(again && *again == *parsed);
  const auto resource = parse_resource_name(format_resource_name(*parsed));
  assert(resource && *resource == *parsed);
  return 0;
}
