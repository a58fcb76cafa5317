#pragma once
#include <ctime>

namespace tessera::bench {

/// Of this thread, in microseconds: what others do on the machine meanwhile does not count.
inline double cpu_us() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

}  // namespace tessera::bench
