#pragma once
// The time that scrapes are stamped with: the wall clock's, but never backwards in small steps, because receivers
// refuse samples that are older than the last.
#include <cstdint>

#include "base/duration.h"

namespace tessera::relay {

/// A wall clock that was set back by up to ten minutes is followed gradually: our time runs at half speed until both
/// agree. Beyond that it is believed at once, and so is one that was set forward.
class ScrapeClock {
 public:
  /// The time at `steady`, whose calls may not go backwards, where the wall clock shows `wall`.
  EpochMs time(SteadyTime steady, EpochMs wall);

 private:
  EpochMs last_ = 0;
  SteadyTime last_steady_{};
};

/// The next time of something that is due every `interval`, was due at `when`, and is looked at `now`: its own phase
/// stays, and the times that are over already are passed over.
struct NextTick {
  SteadyTime when;
  std::uint64_t passed_over = 0;
};
NextTick next_tick(SteadyTime when, Milliseconds interval, SteadyTime now);

}  // namespace tessera::relay
