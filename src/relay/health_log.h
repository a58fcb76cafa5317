#pragma once
// Says on the log which targets go down and come up: a line for each change, and where a whole rack goes, a few lines
// and a sum. Thread contract: the scrape thread.
#include <cstdint>
#include <string>

#include "base/duration.h"
#include "relay/target.h"

namespace tessera::relay {

class HealthLog {
 public:
  void went_down(const Target& target, const std::string& why, SteadyTime now);
  void came_up(const Target& target, SteadyTime now);
  /// Says what was kept back, once its minute is over. To be called now and then.
  void sum_up(SteadyTime now);

 private:
  bool has_room(SteadyTime now);

  SteadyTime minute_{};  ///< when it began
  unsigned lines_ = 0;   ///< in it
  std::uint64_t unsaid_down_ = 0, unsaid_up_ = 0;
};

}  // namespace tessera::relay
