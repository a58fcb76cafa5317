#pragma once
// Connections that only read, beside the one that writes.
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/database.h"

namespace tessera::store {

struct ReadersStats {
  std::uint64_t reads = 0;  ///< that came to an end without an error
  double seconds = 0;       ///< that they took, with the wait for a connection
};

/// Thread-safe. Connections are opened when they are needed, and kept.
class Readers {
 public:
  Readers(std::string url, std::size_t most, DatabaseOptions options = {});

  /// Runs `work` with a connection of its own; Unavailable where none is free for some seconds, and at once where as
  /// many wait as there are connections: no more than twice so many threads are held up by a slow database.
  Result<void> with(const std::function<Result<void>(Database&)>& work);
  ReadersStats stats() const;

 private:
  Result<std::unique_ptr<Database>> borrow();
  void give_back(std::unique_ptr<Database> database);

  const std::string url_;
  const std::size_t most_;
  const DatabaseOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable given_back_;
  std::vector<std::unique_ptr<Database>> free_;  // guarded by mutex_
  std::size_t lent_ = 0;                         // guarded by mutex_
  std::size_t waiting_ = 0;                      // guarded by mutex_
  ReadersStats stats_;                           // guarded by mutex_
};

/// A URL by which several connections of this program share a database in memory: of `sqlite::memory:`; of any other,
/// itself.
std::string shared_url(const std::string& url);

}  // namespace tessera::store
