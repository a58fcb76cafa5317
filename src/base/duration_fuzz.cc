#include <cassert>
#include <cstdint>

#include "base/duration.h"

// Whatever is accepted can be waited for, and is read back from its shortest form.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = tessera::parse_duration({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  assert(parsed->count() >= 0);
  const auto again = tessera::parse_duration(tessera::format_duration(*parsed));
  // Days alone may exceed the 32-bit count of one unit; such lengths (over 11 million years) need not read back.
  assert(!again || *again == *parsed);
  return 0;
}
