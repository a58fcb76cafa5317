#pragma once
// The laws that the fuzzers of both versions check.
#include <cassert>
#include <cstdint>
#include <string_view>

#include "wire/series_walk.h"
#include "wire/write_request.h"

namespace tessera::wire {

/// A walk stands any bytes, and says what decode() says of those that it accepts.
inline void check_walk(Protocol protocol, std::string_view message, const Result<WriteRequest>& decoded) {
  SeriesWalk walk(protocol, message);
  std::size_t samples = 0, labels = 0;
  auto more = walk.next();
  for (; more && *more; more = walk.next()) {
    const auto read = walk.labels();
    assert(read || !decoded);
    if (!read) return;
    labels += read->size();
    samples += walk.samples().size();
  }
  assert(more || !decoded);
  if (!decoded) return;
  for (const Series& series : decoded->series) {
    labels -= series.labels.size();
    samples -= series.samples.size();
  }
  assert(labels == 0 && samples == 0);
}

/// What is accepted is written so that it reads as the same.
inline void check_round_trip(Protocol protocol, const std::uint8_t* data, std::size_t size) {
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  auto first = decode(protocol, message);
  check_walk(protocol, message, first);
  if (!first) return;
  first->histograms = 0;  // never written
  const auto second = decode(protocol, encode(protocol, *first));
  assert(second);
  assert(*second == *first);
}

}  // namespace tessera::wire
