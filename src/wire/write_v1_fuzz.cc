#include "wire/round_trip_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::wire;
  check_round_trip(Protocol::V1, data, size);
  return 0;
}
