#include "relay/health_log.h"

#include "base/log.h"

namespace tessera::relay {
namespace {
constexpr Milliseconds kMinute{60'000};
constexpr unsigned kLinesAMinute = 20;
}  // namespace

bool HealthLog::has_room(SteadyTime now) {
  sum_up(now);
  if (lines_ == 0) minute_ = now;
  if (lines_ >= kLinesAMinute) return false;
  ++lines_;
  return true;
}

void HealthLog::went_down(const Target& target, const std::string& why, SteadyTime now) {
  if (!has_room(now)) {
    ++unsaid_down_;
    return;
  }
  log::warn("target is down",
            {{"job", target.job->name}, {"url", target.url}, {"origin", target.origin}, {"error", why}});
}

void HealthLog::came_up(const Target& target, SteadyTime now) {
  if (!has_room(now)) {
    ++unsaid_up_;
    return;
  }
  log::info("target is up again", {{"job", target.job->name}, {"url", target.url}, {"origin", target.origin}});
}

void HealthLog::sum_up(SteadyTime now) {
  if (lines_ == 0 || now - minute_ < kMinute) return;
  if (unsaid_down_ + unsaid_up_ > 0)
    log::warn("more targets changed within a minute than are named here: /targets has them all",
              {{"went_down", std::to_string(unsaid_down_)}, {"came_up", std::to_string(unsaid_up_)}});
  lines_ = 0;
  unsaid_down_ = unsaid_up_ = 0;
}

}  // namespace tessera::relay
