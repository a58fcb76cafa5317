#pragma once
#include <cstdint>
#include <optional>

namespace tessera {

/// What this process has cost so far.
struct Footprint {
  double cpu_seconds = 0;                       ///< user and system
  std::optional<std::uint64_t> resident_bytes;  ///< absent where /proc does not tell
};
Footprint footprint();

}  // namespace tessera
