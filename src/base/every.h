#pragma once
#include <functional>
#include <stop_token>

#include "base/duration.h"

namespace tessera {

/// Runs `tick` once per period until stopped, the first time at once. A late tick is skipped, ticks never pile up.
void every(Milliseconds period, std::stop_token stop, const std::function<void()>& tick);

/// Waits until `until` or the stop; true if the time was reached, false if stopped.
bool wait_until(SteadyTime until, std::stop_token stop);

}  // namespace tessera
