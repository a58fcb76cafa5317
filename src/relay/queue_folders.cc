#include "relay/queue_folders.h"

#include <algorithm>
#include <set>

namespace tessera::relay {
namespace {
namespace fs = std::filesystem;

fs::path folder_of_all(const fs::path& data) { return data / "queue"; }

/// Files may go while we look: what cannot be read counts as gone.
std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code gone;
  for (fs::recursive_directory_iterator file(folder, gone), end; !gone && file != end; file.increment(gone)) {
    std::error_code unreadable;
    const auto size = file->is_regular_file(unreadable) ? file->file_size(unreadable) : 0;
    if (!unreadable) bytes += size;
  }
  return bytes;
}

}  // namespace

fs::path queue_folder(const Destination& destination, const fs::path& data) {
  return destination.queue.dir.empty() ? folder_of_all(data) / destination.name : fs::path(destination.queue.dir);
}

std::vector<AbandonedQueue> abandoned_queues(const Config& config, const fs::path& data) {
  std::set<fs::path> used;
  for (const Destination& destination : config.destinations) {
    std::error_code unreadable;
    const fs::path folder = queue_folder(destination, data);
    used.insert(fs::weakly_canonical(folder, unreadable));
  }
  std::vector<AbandonedQueue> out;
  std::error_code absent;
  for (fs::directory_iterator folder(folder_of_all(data), absent), end; !absent && folder != end;
       folder.increment(absent)) {
    std::error_code unreadable;
    const bool is_used = used.contains(fs::weakly_canonical(folder->path(), unreadable));
    if (is_used || !folder->is_directory(unreadable)) continue;
    out.push_back({folder->path(), bytes_in(folder->path())});
  }
  std::ranges::sort(out, {}, &AbandonedQueue::folder);
  return out;
}

}  // namespace tessera::relay
