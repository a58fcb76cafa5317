#pragma once
// MIG instances for the pods of a trace, on a fleet of H100: they come in an order of the seed, are placed at once or
// lost, and leave after their own time.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/placement/trace.h"

namespace tessera::bench {

/// How a pod's part of a device of the trace becomes a profile of an H100 of 80 GB; pods of several devices and of
/// none are left out.
enum class Mapping {
  Compute,  ///< the trace's device is an H100: the smallest profile with slices / 7 >= gpu_milli / 1000
  Memory  ///< the trace's device has 20,000 MiB, as most of its fleet: the smallest with gpu_milli / 1000 of that, and
          ///< of several devices with all of theirs
};

struct MigSetting {
  std::string policy;
  std::uint64_t seed = 0;
  Mapping mapping = Mapping::Compute;
  unsigned devices = 0;  ///< of the fleet, eight to a node
  /// Memory slices asked for at a time as a part of the fleet's: arrivals are then a Poisson process, and nobody stays
  /// longer than a day. 0: they come when the trace says, and stay as long.
  double load = 0;
  double migrations = 0;  ///< at most, as a part of the pods accepted so far; 0: nothing moves
};

struct MigOutcome {
  std::uint64_t arrived = 0, accepted = 0;
  std::uint64_t arrived_whole = 0, accepted_whole = 0;  ///< of these, those that need a 7g
  double arrived_slices = 0, accepted_slices = 0;       ///< memory slices
  double active_devices = 0;                            ///< with an instance on them, the mean over time
  std::uint64_t moves = 0;
  std::vector<float> decision_us{};  ///< of CPU time for each pod, without looking for moves
};

/// A pod as it comes.
struct MigPod {
  unsigned profile = 0;
  std::int64_t created_s = 0, seconds = 0;
};

/// By time of arrival: profiles and times to live are dealt out by the seed. Invalid where no pod has both its times.
Result<std::vector<MigPod>> mig_pods(const std::vector<Pod>& pods, const MigSetting& setting);

Result<MigOutcome> run(const std::vector<Pod>& pods, const MigSetting& setting);

}  // namespace tessera::bench
