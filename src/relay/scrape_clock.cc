#include "relay/scrape_clock.h"

#include <algorithm>

namespace tessera::relay {
namespace {
constexpr EpochMs kFollowed = 600'000;
}

EpochMs ScrapeClock::time(SteadyTime steady, EpochMs wall) {
  const auto elapsed = std::chrono::duration_cast<Milliseconds>(steady - last_steady_).count();
  const bool is_first = last_ == 0;
  last_steady_ = steady;
  if (is_first || last_ + elapsed - wall > kFollowed) return last_ = wall;
  return last_ = std::max(wall, last_ + elapsed / 2);
}

NextTick next_tick(SteadyTime when, Milliseconds interval, SteadyTime now) {
  const auto passed = std::max<SteadyTime::rep>((now - when) / interval, 0);
  return {when + (passed + 1) * interval, static_cast<std::uint64_t>(passed)};
}

}  // namespace tessera::relay
