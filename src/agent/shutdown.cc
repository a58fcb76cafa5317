#include "agent/shutdown.h"

#include <unistd.h>

#include <cstdlib>
#include <thread>

#include "base/duration.h"
#include "base/log.h"

namespace tessera::agent {

void leave_when_stuck() {
  static constexpr std::chrono::seconds kShutdown{10};
  std::thread([] {
    std::this_thread::sleep_for(kShutdown);
    log::error("shutdown took too long, leaving", {{"after", format_duration(kShutdown)}});
    _exit(EXIT_FAILURE);
  }).detach();
}

}  // namespace tessera::agent
