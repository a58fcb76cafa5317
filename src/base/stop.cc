#include "base/stop.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <optional>
#include <thread>
#include <utility>

namespace tessera {

std::stop_source stop_on(std::initializer_list<int> signals, std::function<void()> on_hangup, Milliseconds same_stop) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (on_hangup) sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that closes early is an error code, not the end of the process

  std::stop_source source;
  std::thread([set, source, same_stop, hangup = std::move(on_hangup)]() mutable {
    std::optional<SteadyTime> first;
    for (int signal = 0; sigwait(&set, &signal) == 0;) {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (signal == SIGHUP && hangup) {
        hangup();
      } else if (source.request_stop()) {
        first = now;
      } else if (!first || now - *first >= same_stop) {
        _exit(128 + signal);
      }
    }
  }).detach();
  return source;
}

std::stop_source stop_on(std::initializer_list<int> signals) { return stop_on(signals, nullptr); }

}  // namespace tessera
