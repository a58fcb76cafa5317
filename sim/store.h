// The state of a simulated node in a directory, shared by every process that opens it.
//
// Writers take a lock, write a new file and rename it, then raise a counter in shared memory; readers see the counter
// move and read again. A look at an unchanged state costs one atomic load, and waiting costs nothing (futex on the
// counter). All members may be called from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "sim/outcome.h"
#include "sim/state.h"

namespace tessera::sim {

std::int64_t wall_microseconds();

class Store {
 public:
  // Opens or creates. A state that belongs to another scenario (by hash and number of GPUs) is replaced by `initial`.
  static Outcome<std::unique_ptr<Store>> open(const std::string& directory, const std::function<State()>& initial);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  std::shared_ptr<const State> current();

  // Runs `change` on the newest state under the lock shared by all processes; what it leaves is written if it returns
  // true. False: nothing was written, because `change` said so or the directory is not writable.
  bool update(const std::function<bool(State&)>& change);

  // Waits until somebody writes or the time is over. `seen` is what generation() gave before the caller looked.
  std::uint32_t generation() const;
  void wait(std::uint32_t seen, std::chrono::microseconds at_most) const;

  const std::string& directory() const { return directory_; }

 private:
  Store(std::string directory, int lock, std::atomic<std::uint32_t>* counter, bool writable)
      : directory_(std::move(directory)), lock_(lock), counter_(counter), writable_(writable) {}
  bool refresh();
  bool write(const State& state);

  const std::string directory_;
  const int lock_;                             // file descriptor, for flock
  std::atomic<std::uint32_t>* const counter_;  // in shared memory
  const bool writable_;
  std::mutex writing_;  // flock does not keep threads of one process apart
  mutable std::mutex mutex_;
  std::shared_ptr<const State> state_;  // guarded by mutex_
  std::uint32_t read_at_ = 0;           // generation of state_
  std::uint64_t scenario_ = 0;          // states of another scenario are not ours
  bool ours_ = true;
};

// Where the state of `node` lives: TESSERA_SIM_STATE, or a directory of this user and scenario.
std::string state_root(std::uint64_t scenario_hash);

}  // namespace tessera::sim
