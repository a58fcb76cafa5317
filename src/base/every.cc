#include "base/every.h"

#include <cassert>
#include <condition_variable>
#include <mutex>

namespace tessera {

bool wait_until(SteadyTime until, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_until(lock, stop, until, [] { return false; });
  return !stop.stop_requested();
}

void every(Milliseconds period, std::stop_token stop, const std::function<void()>& tick) {
  assert(period.count() > 0);
  auto next = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    tick();
    do next += period;
    while (next <= std::chrono::steady_clock::now());
    if (!wait_until(next, stop)) return;
  }
}

}  // namespace tessera
