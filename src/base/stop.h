#pragma once
#include <functional>
#include <initializer_list>
#include <stop_token>

namespace tessera {

/// A stop source that the given signals (SIGINT, SIGTERM) trip. Call it once, before any thread exists: all inherit the
/// signal mask, and one detached thread waits for the signals. A second signal while stopping ends the process at once.
std::stop_source stop_on(std::initializer_list<int> signals);

/// As stop_on, and calls `on_hangup` at each SIGHUP, on the signal thread.
std::stop_source stop_on(std::initializer_list<int> signals, std::function<void()> on_hangup);

}  // namespace tessera
