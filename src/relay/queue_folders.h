#pragma once
// Where queues are on disk, and which of them nobody sends any more.
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "relay/config.h"

namespace tessera::relay {

/// The folder of a destination's queues.
std::filesystem::path queue_folder(const Destination& destination, const std::filesystem::path& data);

/// Queues that hold something, and that no destination of the configuration has.
struct AbandonedQueue {
  std::filesystem::path folder;
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;
};

/// Those under `data`, by name; their folders are as they were. Folders that a destination chose elsewhere are not
/// known once it is gone.
std::vector<AbandonedQueue> abandoned_queues(const Config& config, const std::filesystem::path& data);

}  // namespace tessera::relay
