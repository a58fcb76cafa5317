#pragma once
// A Redis of a test's own, in a temporary folder, reached by a unix socket.
#include <filesystem>
#include <memory>
#include <string>

#include "base/files.h"
#include "tests/e2e/child.h"

namespace tessera::e2e {

class RedisPeer {
 public:
  /// Whether it is on this machine.
  static bool is_here();
  static constexpr const char* kMissing = "redis-server is neither in TESSERA_PEERS nor on the PATH";

  RedisPeer() { start(); }
  void start();
  void kill();
  std::filesystem::path socket() const { return folder_.path() / "redis.sock"; }
  /// What redis-cli prints for this command.
  std::string command(std::vector<std::string> words) const;

 private:
  TempDir folder_;
  std::unique_ptr<Child> process_;
};

}  // namespace tessera::e2e
