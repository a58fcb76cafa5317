#include "base/stop.h"

#include <pthread.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <utility>

namespace tessera {

std::stop_source stop_on(std::initializer_list<int> signals, std::function<void()> on_hangup) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  if (on_hangup) sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a peer that closes early is an error code, not the end of the process

  std::stop_source source;
  std::thread([set, source, hangup = std::move(on_hangup)]() mutable {
    for (int signal = 0; sigwait(&set, &signal) == 0;) {
      if (signal == SIGHUP)
        hangup();
      else if (!source.request_stop())
        _exit(128 + signal);
    }
  }).detach();
  return source;
}

std::stop_source stop_on(std::initializer_list<int> signals) { return stop_on(signals, nullptr); }

}  // namespace tessera
