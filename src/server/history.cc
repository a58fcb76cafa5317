#include "server/history.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.h"

namespace tessera::server {

bool ask(const History& history, Query& query, const std::function<Result<void>(store::Database&)>& work) {
  const auto done =
      history.readers ? history.readers->with(work) : Result<void>(fail(Code::Unavailable, "no database"));
  if (done) return true;
  // Its address and its statements are nobody's who only reads.
  log::error("the past cannot be read", {{"path", query.request().path}, {"why", done.error().what}});
  query.refuse({503, "database-unavailable",
                "the past cannot be read: the database does not answer now; the server's log says why"});
  return false;
}

TimeRange read_range(Query& query, EpochMs now, Milliseconds fallback) {
  const auto start = query.time("start"), end = query.time("end");
  TimeRange out;
  out.to = end.value_or(now);
  out.from = start.value_or(out.to - fallback.count());
  if (out.from >= out.to)
    query.fault(start ? "start" : "end", fmt::format("the range begins at {} and ends at {}: it has to end later",
                                                     format_time(out.from), format_time(out.to)));
  return out;
}

store::Span span_of(const History& history, const TimeRange& range, Milliseconds& step, EpochMs now) {
  using store::Resolution;
  store::Span out;
  const auto bucket = [&](Resolution resolution) { return store::bucket_seconds(resolution, history.span); };
  const auto kept = [&](Resolution resolution) { return range.from >= now - history.retention.of(resolution).count(); };
  const std::int64_t wanted = std::max<std::int64_t>(1, (step.count() + 999) / 1000);
  out.resolution = Resolution::Hour;
  for (const Resolution one : {Resolution::FiveMinutes, Resolution::Raw})
    // A coarser one will do where its buckets make up the step.
    if (kept(one) && (wanted < bucket(out.resolution) || wanted % bucket(out.resolution) != 0)) out.resolution = one;
  out.bucket = bucket(out.resolution);
  const std::int64_t seconds = (wanted + out.bucket - 1) / out.bucket * out.bucket;
  step = Milliseconds(seconds * 1000);
  const auto down = [&](EpochMs time) { return time / 1000 / seconds * seconds; };
  out.from = down(std::max<EpochMs>(range.from, 0));
  out.to = down(std::max<EpochMs>(range.to, 0) + seconds * 1000 - 1);
  return out;
}

}  // namespace tessera::server
