#include "relay/queue_folders.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/log.h"
#include "journal/journal.h"

namespace tessera::relay {
namespace {
namespace fs = std::filesystem;

fs::path folder_of_all(const fs::path& data) { return data / "queue"; }

/// A queue that is in use or broken counts as empty: its owner speaks of it.
void add_queue(const fs::path& folder, AbandonedQueue& sum) {
  journal::Options options;
  options.dir = folder;
  options.max_bytes = std::numeric_limits<std::int64_t>::max();  // nothing is too much: looking takes nothing away
  const auto queue = journal::Journal::open(options);
  if (!queue) return log::warn("queue cannot be looked at", {{"folder", folder.string()}, {"why", queue.error().what}});
  const journal::Stats stats = (*queue)->stats();
  sum.samples += stats.pending.items;
  sum.bytes += stats.pending_bytes;
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
    AbandonedQueue found{folder->path()};
    for (std::size_t i = 0; fs::is_directory(found.folder / std::to_string(i), unreadable); ++i)
      add_queue(found.folder / std::to_string(i), found);
    if (found.samples > 0) out.push_back(std::move(found));
  }
  std::ranges::sort(out, {}, &AbandonedQueue::folder);
  return out;
}

}  // namespace tessera::relay
