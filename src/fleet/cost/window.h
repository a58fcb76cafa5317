#pragma once
// The time that a report is of, as OpenCost's callers ask for it, and the pieces that it comes in.
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "fleet/cost/zone.h"

namespace tessera::fleet {

/// [from, to), both begins of buckets (ledger.h).
struct CostWindow {
  EpochMs from = 0;
  EpochMs to = 0;
  bool operator==(const CostWindow&) const = default;
};

/// What the longest window is: no bucket is kept for longer.
inline constexpr Milliseconds kLongestWindow{std::chrono::hours(24 * 366 * 3)};

/// `today`, `yesterday`, `week`, `lastweek` (weeks begin on Sunday), `month`, `lastmonth`, `quarter`, `lastquarter`:
/// days of the zone. `30m`, `12h`, `7d`, `2w`: so long until now. `2026-11`, `2026-11-03`: a month, a day. Two times
/// with a comma between them, in RFC 3339 or seconds since the epoch. What is no whole bucket is taken whole; what has
/// not come yet is left out.
Result<CostWindow> parse_window(std::string_view text, EpochMs now, const Zone& zone);

enum class Accumulate : std::uint8_t { All, Hour, Day, Week, Month, Quarter };
/// "hour"; "true" is All. Absent for what is none, "false" too.
std::optional<Accumulate> accumulate_named(std::string_view name);

/// Where the day, week, month or quarter of the zone begins that a time is in, and those `away` from it: 1 is the next.
EpochMs calendar_begin(const Zone& zone, EpochMs time, Accumulate by, int away);

/// In order of time and without gaps. Pieces of the calendar are the zone's, of which the first and the last may be
/// cut.
std::vector<CostWindow> pieces(const CostWindow& window, Accumulate by, const Zone& zone);
/// Of the zone's month that `time` is in.
EpochMs end_of_month(EpochMs time, const Zone& zone);
/// The same time, with an edge more wherever a month of the zone begins within a piece.
std::vector<CostWindow> cut_at_months(const std::vector<CostWindow>& whole, const Zone& zone);
/// Pieces of equal length, a whole number of buckets, counted back from the end: the first may be shorter.
Result<std::vector<CostWindow>> pieces(const CostWindow& window, Milliseconds step);

}  // namespace tessera::fleet
