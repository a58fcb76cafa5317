#include <cassert>
#include <cstdint>

#include "wire/compression.h"

// Any bytes are refused or unpacked within the bound; any bytes packed unpack to themselves. The first byte picks the
// compression.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tessera::wire;
  constexpr std::size_t kMaxBytes = 100'000;
  if (size == 0) return 0;
  const auto compression = (data[0] & 1U) == 0 ? Compression::Snappy : Compression::Zstd;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto unpacked = decompress(compression, body, kMaxBytes);
  assert(!unpacked || unpacked->size() <= kMaxBytes);
  Compressor compressor(compression);
  const auto again = decompress(compression, compressor.compress(body), body.size());
  assert(again && *again == body);
  return 0;
}
