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

/// The folder of queues that no destination of the configuration has.
struct AbandonedQueue {
  std::filesystem::path folder;
  std::uint64_t bytes = 0;  ///< on disk, with what has been sent already
};

/// Those under `data`, by name. Folders that a destination chose elsewhere are not known once it is gone.
std::vector<AbandonedQueue> abandoned_queues(const Config& config, const std::filesystem::path& data);

}  // namespace tessera::relay
