#pragma once
// A program of ours as a child process, its words in a file.
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::cli {

/// SIGTERM at destruction, and SIGKILL where that is not heeded; it ends too when this process dies.
class Spawned {
 public:
  static Result<Spawned> start(const std::vector<std::string>& arguments,
                               const std::map<std::string, std::string>& environment, const std::filesystem::path& log);
  Spawned(Spawned&& other) noexcept;
  Spawned& operator=(Spawned&&) = delete;
  ~Spawned();

  /// The rest of the line that `text` begins in its words. Unavailable with its last words where it ended before.
  Result<std::string> after(std::string_view text, Milliseconds patience, const std::stop_token& stop) const;
  bool running() const;
  void ask_to_end() const;

 private:
  Spawned(pid_t pid, std::string name, std::filesystem::path log)
      : pid_(pid), name_(std::move(name)), log_(std::move(log)) {}
  pid_t pid_;
  std::string name_;
  std::filesystem::path log_;
};

}  // namespace tessera::cli
