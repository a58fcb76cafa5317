#pragma once
// The numbers that both versions have for kinds of metrics. Inside the room only.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "metrics/parse.h"

namespace tessera::wire {

inline constexpr metrics::Kind kKinds[] = {
    metrics::Kind::Unknown,        metrics::Kind::Counter, metrics::Kind::Gauge, metrics::Kind::Histogram,
    metrics::Kind::GaugeHistogram, metrics::Kind::Summary, metrics::Kind::Info,  metrics::Kind::StateSet};

constexpr std::uint64_t kind_number(metrics::Kind kind) {
  for (std::size_t i = 0; i < std::size(kKinds); ++i)
    if (kKinds[i] == kind) return i;
  return 0;
}

/// A number of a later version of the protocol is a kind that we do not know.
constexpr metrics::Kind kind_of(std::uint64_t number) {
  return number < std::size(kKinds) ? kKinds[number] : metrics::Kind::Unknown;
}

}  // namespace tessera::wire
