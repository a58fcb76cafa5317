#pragma once
// The law that the fuzzers of both versions check.
#include <cassert>
#include <cstdint>
#include <string_view>

#include "wire/write_request.h"

namespace tessera::wire {

/// What is accepted is written so that it reads as the same.
inline void check_round_trip(Protocol protocol, const std::uint8_t* data, std::size_t size) {
  auto first = decode(protocol, std::string_view(reinterpret_cast<const char*>(data), size));
  if (!first) return;
  first->histograms = 0;  // never written
  const auto second = decode(protocol, encode(protocol, *first));
  assert(second);
  assert(*second == *first);
}

}  // namespace tessera::wire
