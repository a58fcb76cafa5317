#pragma once
// The experiment of Weng et al., "Beware of Fragmentation" (USENIX ATC 2023): pods arrive in random order, go onto an
// empty fleet one by one, and stay.
#include <cstdint>
#include <string>
#include <vector>

#include "bench/placement/trace.h"
#include "fleet/placement/policy.h"

namespace tessera::bench {

struct Setting {
  std::string policy;
  std::uint64_t seed = 0;
  bool learned = false;  ///< the policy is not told the mix
  double inflate = 1.3;  ///< how much GPU the pods ask for together, as a part of what there is
};

/// Accepted of those that arrived until as much was asked for as there is.
struct Acceptance {
  std::uint64_t arrived = 0, accepted = 0;
};

struct Outcome {
  std::vector<double>
      allocated;  ///< percent of the fleet's GPU, by percent arrived; the mean over pods that round to it
  Acceptance multi_gpu, cpu_only;
  std::vector<float> decision_us;  ///< of CPU time for each pod, in the order of arrival
};

/// What the trace asks for, each kind as often as it does.
fleet::placement::Mix mix_of(const Trace& trace);

/// The pods in the order of arrival: shuffled by the seed, then with copies of random ones up to `inflate`, or without
/// random ones down to it.
std::vector<std::size_t> arrivals(const Trace& trace, std::uint64_t seed, double inflate);

Result<Outcome> run(const Trace& trace, const Setting& setting);

}  // namespace tessera::bench
