#include <cassert>
#include <cstdint>

#include "wire/write_request.h"

// What is accepted is written so that it reads as the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::wire;
  constexpr auto kProtocol = Protocol::V1;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  auto first = decode(kProtocol, message);
  if (!first) return 0;
  first->histograms = 0;  // never written
  const auto second = decode(kProtocol, encode(kProtocol, *first));
  assert(second);
  assert(*second == *first);
  return 0;
}
