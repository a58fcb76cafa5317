#pragma once
// Durations as Prometheus and Kubernetes users write them, and the two clocks that everything is stamped with.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tessera {

using Milliseconds = std::chrono::milliseconds;
using SteadyTime = std::chrono::steady_clock::time_point;  ///< for deadlines and intervals

/// Milliseconds since the Unix epoch, UTC: the form of every time stamp inside the program.
using EpochMs = std::int64_t;
EpochMs now_epoch_ms();

/// `1h30m`, `250ms`, `15s`: one or more number-unit pairs, units ms, s, m, h, d. Never negative.
Result<Milliseconds> parse_duration(std::string_view text);

/// The shortest form that parse_duration reads back: `1h30m`, `250ms`, `0s`.
std::string format_duration(Milliseconds duration);

/// RFC 3339 in UTC with milliseconds: `2026-01-31T09:30:00.250Z`.
std::string format_time(EpochMs time);

}  // namespace tessera
