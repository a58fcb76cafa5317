#pragma once
// What one remote-write message holds, counted without taking it apart: no string is copied, no label is kept.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "wire/write_request.h"

namespace tessera::bench {

struct WriteCount {
  std::uint64_t exposed = 0;  ///< samples of series that the load exposed
  std::uint64_t stale = 0;    ///< markers that those series ended
  std::uint64_t others = 0;   ///< samples of `up` and its like
};

/// Appends the times of the exposed samples to `times`. nullopt: it is no such message.
std::optional<WriteCount> count_write(std::string_view message, wire::Protocol protocol, std::vector<EpochMs>& times);

}  // namespace tessera::bench
