#pragma once
// One accepted request on its way into the fleet.
#include <optional>
#include <string>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "fleet/inventory/series_index.h"
#include "server/fleet_clock.h"
#include "server/judged_series.h"
#include "wire/write_request.h"

namespace tessera::server {

struct BatchSample {
  fleet::SeriesKey series;
  double value;
  EpochMs time;
};

/// Of a batch that a server which led before had accepted, and hands over: it is in no journal of this one's.
struct OfAnother {
  std::string journal;         ///< its id
  std::uint64_t sequence = 0;  ///< in that journal
  bool counted = false;        ///< it is in usage already, and tells only what had not ended
  EpochMs counted_at = 0;      ///< the clock when that was so of all that is counted
  bool last = false;           ///< the journal has no more
  /// Nothing was counted between then and what this server was told first: what the batch tells lasts up to there.
  bool direct = false;
};

struct Batch {
  wire::Protocol protocol = wire::Protocol::V1;
  std::string message;  ///< decompressed: labels of series that are new are read from it
  std::vector<BatchSample> samples;
  std::optional<EpochMs> newest{};  ///< of the samples
  std::size_t exemplars = 0;
  std::size_t histograms = 0;
  std::uint64_t sequence = 0;  ///< its record in the journal
  EpochMs arrived = 0;         ///< the clock when it was put there
  std::optional<OfAnother> of_another{};
};

/// What a request may hold.
struct IntakeLimits {
  std::size_t body_bytes = 32U << 20U;      ///< as sent
  std::size_t message_bytes = 256U << 20U;  ///< decompressed
  std::size_t page_bytes = 64U << 20U;      ///< a page of text, unpacked
  std::size_t series = 100'000;
  std::size_t samples = 1'000'000;
  std::size_t labels = 64;  ///< of one series
  std::size_t label_name_bytes = 256;
  std::size_t label_value_bytes = 4096;
  std::uint64_t backlog_bytes =
      3ULL << 30U;                   ///< in the journal, not in the database: a full journal would drop its oldest
  Milliseconds future{10 * 60'000};  ///< how far ahead of the clock a sample may be
  Milliseconds past{std::chrono::hours(24 * 396)};  ///< how far behind it: what is kept for longest
};

/// Samples that are none of a batch, by their time.
struct LeftOut {
  std::size_t too_new = 0;
  std::size_t too_old = 0;
};

/// Letters, digits and `_`, no digit first.
bool is_label_name(std::string_view name);

/// Invalid for a message that is no remote write, or whose labels no sender may send (one twice, an empty name or
/// value, no metric name): the error names the series. A sample from too far in the future or the past is left out and
/// counted in `left_out`. Labels are read of series only that are not in `judged`, which knows them from then on.
Result<Batch> read_batch(wire::Protocol protocol, std::string message, const IntakeLimits& limits, ClockRange now,
                         JudgedSeries& judged, LeftOut& left_out);

}  // namespace tessera::server
