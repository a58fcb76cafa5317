#pragma once
#include <functional>
#include <initializer_list>
#include <stop_token>

#include "base/duration.h"

namespace tessera {

/// How long after the first signal further ones mean the same: GNU timeout signals its child and its group, and a
/// terminal's Ctrl-C is often followed at once by the kill of the script around it.
inline constexpr Milliseconds kSameStop{1000};

/// A stop source that the given signals (SIGINT, SIGTERM) trip. Call it once, before any thread exists: all inherit the
/// signal mask, and one detached thread waits for the signals. A second signal while stopping ends the process at once,
/// except within kSameStop of the first, where it is ignored.
std::stop_source stop_on(std::initializer_list<int> signals);

/// As stop_on, and calls `on_hangup` at each SIGHUP, on the signal thread.
std::stop_source stop_on(std::initializer_list<int> signals, std::function<void()> on_hangup,
                         Milliseconds same_stop = kSameStop);

}  // namespace tessera
