#pragma once
// The receiver is away for a while, and the program may be ended and started again in the middle of it.
#include <optional>

#include "bench/relay/stage.h"

namespace tessera::bench {

struct Outage {
  double served;  ///< samples of pages that went out whole: while a program is down it scrapes none
  double lost;    ///< of them, what never arrived
  double out_of_order, repeated;
  std::optional<double> exit_seconds;  ///< where it was told to end
};

/// `signal` in the middle: 0: none. nullopt: it delivers nothing.
std::optional<Outage> run_outage(const Contender& contender, const LoadShape& shape, unsigned seconds, int signal);

}  // namespace tessera::bench
