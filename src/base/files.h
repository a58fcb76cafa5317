#pragma once
// Whole files, read and written. Paths appear in every error.
#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tessera {

/// The whole file; an error (Unavailable) if it is longer than `limit` bytes. Works on /proc, whose sizes are 0.
/// NotFound also for a process that ended while being read (ESRCH).
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit = 64U << 20U);

/// Replaces `path` in one step: temporary name in the same directory, written, synced, mode set, renamed, directory
/// synced. On any failure the old file stands and no temporary is left. Readers see the old or the new text, never a
/// part.
Result<void> write_file_atomically(const std::filesystem::path& path, std::string_view text, mode_t mode = 0644);

/// A directory of its own under the system's temporary directory, removed with all it holds.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace tessera
