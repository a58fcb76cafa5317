#pragma once
// The same fleet with pods that leave: they come as a Poisson process, wait where there is no room, and go after their
// own time.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/placement/trace.h"

namespace tessera::bench {

struct DeparturesSetting {
  std::string policy;
  std::uint64_t seed = 0;
  double load = 1;                     ///< GPU asked for at a time, as a part of the fleet's
  std::uint64_t arrivals = 1'000'000;  ///< random pods of the trace; the first fifth fills the fleet and is not counted
};

/// Of the pods that are counted. One that waits still when the last has come counts with its wait so far.
struct Waits {
  std::uint64_t arrived = 0, at_once = 0;
  std::vector<double> seconds;  ///< of each pod, 0 of those that were served at once
};

struct DeparturesOutcome {
  Waits all, multi_gpu, whole, part;  ///< several devices; one; a part of one
  std::uint64_t unserved = 0;         ///< when the last has come
  double allocated = 0;               ///< GPU in use as a part of the fleet's, the mean over time
};

/// Who waits is tried, in the order of arrival, whenever somebody leaves; who does not fit holds up nobody behind.
/// Times to live are the trace's, but nobody stays longer than a day. Invalid where no pod has both its times.
Result<DeparturesOutcome> run_with_departures(const Trace& trace, const DeparturesSetting& setting);

}  // namespace tessera::bench
