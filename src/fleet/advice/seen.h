#pragma once
// What was told of a part, or of a serving engine, in the time that advice is given by; and what that comes to. No mean
// over all of that time is among it: a mean of 5 % may be a pod that does nothing for 19 hours and is needed in one.
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/duration.h"

namespace tessera::fleet::advice {

inline constexpr std::size_t kHoursOfDay = 24;

/// How time is looked at.
struct Windowing {
  Milliseconds slot{5 * 60'000};
  /// After a pod has come it pulls, loads and compiles: nothing is said by this time of it.
  Milliseconds loading{2 * 3'600'000};
  Milliseconds most{14 * 24 * 3'600'000};  ///< what is longer ago is not looked at
};

/// A part in one slot, while one pod held it. What was not told is absent.
struct Slot {
  EpochMs begin = 0;             ///< a multiple of Windowing::slot
  std::int64_t observed_ms = 0;  ///< of it, for which the pod held it and its activity was known
  std::optional<double> busy;    ///< mean share of time with a kernel, 0..1
  std::optional<double> busy_most;
  std::optional<double> sm;                   ///< mean share of multiprocessors at work, 0..1
  std::optional<double> dram;                 ///< mean share of the memory's bandwidth, 0..1
  std::optional<std::uint64_t> memory_bytes;  ///< the most
};

/// Whether anything was done, and when.
struct Rhythm {
  EpochMs from = 0;  ///< the window: begins when the pod has had time to start
  EpochMs to = 0;
  double observed = 0;     ///< share of the window that was told
  EpochMs told_until = 0;  ///< end of the last slot that was told; else `from`
  std::size_t active_slots = 0, known_slots = 0;
  EpochMs quiet_since = 0;        ///< behind the last slot in which anything was done; else `from`
  double quiet_observed = 0;      ///< share of the time since then that was told
  Milliseconds longest_pause{0};  ///< from `from` or a slot with something done to the next one
  struct Hour {
    unsigned days = 0;         ///< on which most of it was told
    unsigned active_days = 0;  ///< of them, with something done
  };
  std::array<Hour, kHoursOfDay> hours{};  ///< of the day, in UTC
  Milliseconds window() const { return Milliseconds(to - from); }
};

/// A part.
struct Seen {
  Rhythm rhythm;
  std::optional<double> busy_p95;  ///< of the slots' means
  std::optional<double> busy_most;
  /// Share of the multiprocessors that its kernels have at once: of the slots' sm over busy, where it was busy. A part
  /// that has fewer of them makes such kernels slower. Absent where less than half of the busy slots tell it.
  std::optional<double> width_p95;
  /// Share of the memory's bandwidth that its kernels take while they run: of dram over busy, as width_p95.
  std::optional<double> bandwidth_p95;
  std::optional<double> dram_p95;  ///< of the slots' means; absent where bandwidth_p95 is
  std::optional<std::uint64_t> memory_p99, memory_most;
};

/// Below this nothing is done (fleet/inventory/parts.h).
inline constexpr double kQuiet = 0.01;

/// `held_since`: when the pod came. Slots by their begin; those that lack were not told. The window ends at `to`.
Seen sum_up(std::span<const Slot> slots, EpochMs held_since, EpochMs to, const Windowing& how = {});

/// A serving engine in one slot, all its ranks together.
struct EngineSlot {
  EpochMs begin = 0;
  std::int64_t observed_ms = 0;
  double tokens = 0;    ///< prompt and generated, in it
  double finished = 0;  ///< requests
  double running_most = 0, waiting_most = 0;
  std::optional<double> kv_tokens_most;  ///< that were in the KV cache
  double preemptions = 0;
};

struct EngineSeen {
  Rhythm rhythm;  ///< something done: a request, or as many tokens as no probe makes
  double tokens = 0, finished = 0;
  double waiting_most = 0, running_most = 0, preemptions = 0;
  std::optional<double> kv_tokens_most;
  double tokens_per_second_most = 0;  ///< of the slots
};
/// SGLang's health probe makes tokens: fewer a second than this, without a request that has finished, are nothing.
inline constexpr double kProbeTokensPerSecond = 1;

EngineSeen sum_up(std::span<const EngineSlot> slots, EpochMs held_since, EpochMs to, const Windowing& how = {});

/// The smallest value that `share` of them do not exceed. Absent where there are none.
std::optional<double> percentile(std::vector<double> values, double share);

/// Hours of the day in which nothing was ever done, the longest run of them, around midnight too; [first, first +
/// count). Count 0: there is none, or some hour was told on less than `days` days.
struct Quiet {
  unsigned first = 0;
  unsigned count = 0;
};
Quiet quiet_hours(const Rhythm& rhythm, unsigned days);

}  // namespace tessera::fleet::advice
