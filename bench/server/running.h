#pragma once
// A receiver while it runs: alone on the second core, or on both; whoever loads it on the first.
#include <filesystem>
#include <memory>
#include <string>

#include "bench/server/receiver.h"
#include "tests/e2e/child.h"

namespace tessera::bench {

class Running {
 public:
  /// `cores` as taskset has them. Waits until it is ready; throws std::runtime_error with what it said where it is not.
  Running(const Receiver& receiver, const std::filesystem::path& folder, const char* cores = "1");

  std::string url(const std::string& path) const;
  std::string write_url() const { return url(receiver_.write_path); }
  pid_t pid() const { return process_->pid(); }
  e2e::Child& process() { return *process_; }

  /// A while, in which what was taken in is worked off: it counts as its work.
  static void rest();

 private:
  Receiver receiver_;
  int port_;
  std::unique_ptr<e2e::Child> process_;
};

}  // namespace tessera::bench
