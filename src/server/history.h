#pragma once
// What resources of the past read from, and the spans of time that they are asked for.
#include <functional>
#include <optional>
#include <string>

#include "server/query.h"
#include "store/history.h"
#include "store/readers.h"

namespace tessera::server {

struct History {
  store::Readers* readers = nullptr;
  Milliseconds span{30'000};  ///< of raw usage
  store::UsageRetention retention{};
};

/// False where it could not be read: the query holds the problem.
bool ask(const History& history, Query& query, const std::function<Result<void>(store::Database&)>& work);

struct TimeRange {
  EpochMs from = 0;
  EpochMs to = 0;
};
/// `start` and `end`; without them the time before `now` that is as long as `fallback`.
TimeRange read_range(Query& query, EpochMs now, Milliseconds fallback);

/// The resolution that has the beginning of the range and is as fine as `step` asks for, and its buckets: those of
/// whole steps. `step` is made a multiple of the bucket.
store::Span span_of(const History& history, const TimeRange& range, Milliseconds& step, EpochMs now);

}  // namespace tessera::server
