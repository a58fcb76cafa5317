#pragma once
// When a connection that was cut may be made anew: at once, then after a pause that grows while it fails.
#include <algorithm>
#include <chrono>
#include <optional>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::store {

class Reconnect {
 public:
  /// What `connect` comes to; the last failure, where it is too early to try again.
  template <class Connect>
  Result<void> attempt(const Connect& connect) {
    const auto now = std::chrono::steady_clock::now();
    if (failure_ && now < again_at_) return fail(failure_->code, "{} (tried again in a moment)", failure_->what);
    const Result<void> connected = connect();
    pause_ = connected ? Milliseconds(0) : std::clamp(pause_ * 2, Milliseconds(100), Milliseconds(5'000));
    again_at_ = std::chrono::steady_clock::now() + pause_;
    failure_ = connected ? std::nullopt : std::optional(connected.error());
    return connected;
  }

 private:
  std::optional<Error> failure_;
  SteadyTime again_at_{};
  Milliseconds pause_{};
};

}  // namespace tessera::store
