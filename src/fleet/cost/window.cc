#include "fleet/cost/window.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "fleet/cost/ledger.h"

namespace tessera::fleet {
namespace {

constexpr int kDaysOfWeek = 7, kMonthsOfQuarter = 3;
constexpr std::size_t kMostPieces = 10'000;

EpochMs bucket_end(EpochMs time) { return cost_bucket_of(time + kCostBucket.count() - 1); }

struct Word {
  std::string_view word;
  Accumulate of;
  int away;  ///< 0: the present one
};
constexpr Word kWords[] = {
    {"today", Accumulate::Day, 0},       {"yesterday", Accumulate::Day, -1},       {"week", Accumulate::Week, 0},
    {"lastweek", Accumulate::Week, -1},  {"month", Accumulate::Month, 0},          {"lastmonth", Accumulate::Month, -1},
    {"quarter", Accumulate::Quarter, 0}, {"lastquarter", Accumulate::Quarter, -1},
};

/// Seconds since the epoch, or RFC 3339.
std::optional<EpochMs> moment(std::string_view text) {
  constexpr std::int64_t kMostSeconds = 1'000'000'000'000;
  if (const auto seconds = parse_int(text)) {
    if (*seconds < 0 || *seconds > kMostSeconds) return std::nullopt;
    return *seconds * 1'000;
  }
  std::string written(text);
  std::ranges::replace(written, ' ', '+');  // of an offset that nobody has encoded
  return parse_time(written);
}

/// "2026-11" or "2026-11-03".
std::optional<CostWindow> calendar_window(std::string_view text, const Zone& zone) {
  const auto parts = split(text, '-');
  if (parts.size() < 2 || parts.size() > 3 || parts[0].size() != 4) return std::nullopt;
  std::array<int, 3> numbers = {0, 0, 1};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto number = parse_int(parts[i]);
    if (!number || *number < 1 || (i > 0 && parts[i].size() != 2)) return std::nullopt;
    numbers[i] = static_cast<int>(*number);
  }
  const Day day{numbers[0], numbers[1], numbers[2]};
  const EpochMs from = zone.begin_of(day);
  if (zone.day_at(from) != day) return std::nullopt;  // no such day
  const bool month = parts.size() == 2;
  return CostWindow{from, zone.begin_of({day.year, day.month + (month ? 1 : 0), day.day + (month ? 0 : 1)})};
}

/// As parse_duration(), and weeks.
std::optional<Milliseconds> length(std::string_view text) {
  if (text.ends_with('w')) {
    const auto weeks = parse_int(text.substr(0, text.size() - 1));
    constexpr std::int64_t kMostWeeks = 1'000;
    if (!weeks || *weeks < 0 || *weeks > kMostWeeks) return std::nullopt;
    return std::chrono::hours(24 * kDaysOfWeek) * *weeks;
  }
  const auto out = parse_duration(text);
  return out ? std::optional(*out) : std::nullopt;
}

std::optional<CostWindow> read(std::string_view text, EpochMs now, const Zone& zone) {
  const auto* word = std::ranges::find(kWords, text, &Word::word);
  if (word != std::end(kWords))
    return CostWindow{calendar_begin(zone, now, word->of, word->away),
                      calendar_begin(zone, now, word->of, word->away + 1)};
  if (const std::size_t comma = text.find(','); comma != std::string_view::npos) {
    const auto from = moment(text.substr(0, comma)), to = moment(text.substr(comma + 1));
    if (!from || !to) return std::nullopt;
    return CostWindow{*from, *to};
  }
  if (const auto before = length(text)) return CostWindow{now - before->count(), now};
  return calendar_window(text, zone);
}

}  // namespace

Result<CostWindow> parse_window(std::string_view text, EpochMs now, const Zone& zone) {
  const auto found = read(text, now, zone);
  if (!found)
    return fail(Code::Invalid,
                "window '{}': a word (today, yesterday, week, lastweek, month, lastmonth, quarter, lastquarter), a "
                "duration (24h, 7d), a month (2026-11), a day (2026-11-03), or two times with a comma between them "
                "expected",
                text);
  const CostWindow out{cost_bucket_of(found->from), std::min(bucket_end(found->to), bucket_end(now))};
  if (found->from >= found->to) return fail(Code::Invalid, "window '{}': it ends before it begins", text);
  if (out.from >= out.to) return fail(Code::Invalid, "window '{}': it has not come yet", text);
  if (out.to - out.from > kLongestWindow.count())
    return fail(Code::Invalid, "window '{}': at most {} expected", text, format_duration(kLongestWindow));
  return out;
}

EpochMs calendar_begin(const Zone& zone, EpochMs time, Accumulate by, int away) {
  Day day = zone.day_at(time);
  switch (by) {
    case Accumulate::Week:
      day.day += kDaysOfWeek * away - zone.weekday_at(time);
      break;
    case Accumulate::Month:
      day.day = 1;
      day.month += away;
      break;
    case Accumulate::Quarter:
      day.day = 1;
      day.month += kMonthsOfQuarter * away - (day.month - 1) % kMonthsOfQuarter;
      break;
    default:
      day.day += away;
  }
  return zone.begin_of(day);
}

std::optional<Accumulate> accumulate_named(std::string_view name) {
  static constexpr std::pair<std::string_view, Accumulate> kNames[] = {
      {"true", Accumulate::All},  {"hour", Accumulate::Hour},   {"day", Accumulate::Day},
      {"week", Accumulate::Week}, {"month", Accumulate::Month}, {"quarter", Accumulate::Quarter}};
  for (const auto& [known, value] : kNames)
    if (known == name) return value;
  return std::nullopt;
}

std::vector<CostWindow> pieces(const CostWindow& window, Accumulate by, const Zone& zone) {
  if (by == Accumulate::All) return {window};
  std::vector<CostWindow> out;
  constexpr EpochMs kHour = 3'600'000;
  for (EpochMs at = window.from; at < window.to;) {
    // An hour by the clock: those of zones with half and quarter hours begin in the middle of others.
    EpochMs next = calendar_begin(zone, at, by, 1);
    if (by == Accumulate::Hour) {
      const EpochMs day = calendar_begin(zone, at, Accumulate::Day, 0);
      next = std::min(next, day + (at - day) / kHour * kHour + kHour);
    }
    out.push_back({at, std::min(window.to, next)});
    at = out.back().to;
  }
  return out;
}

EpochMs end_of_month(EpochMs time, const Zone& zone) { return calendar_begin(zone, time, Accumulate::Month, 1); }

std::vector<CostWindow> cut_at_months(const std::vector<CostWindow>& whole, const Zone& zone) {
  std::vector<CostWindow> out;
  for (const CostWindow& one : whole)
    for (const CostWindow& part : pieces(one, Accumulate::Month, zone)) out.push_back(part);
  return out;
}

Result<std::vector<CostWindow>> pieces(const CostWindow& window, Milliseconds step) {
  if (step.count() <= 0 || step.count() % kCostBucket.count() != 0)
    return fail(Code::Invalid, "step '{}': a multiple of {} expected", format_duration(step),
                format_duration(kCostBucket));
  std::vector<CostWindow> out;
  for (EpochMs to = window.to; to > window.from; to -= step.count()) {
    if (out.size() == kMostPieces)
      return fail(Code::Invalid, "step '{}': the window has more than {} of them", format_duration(step), kMostPieces);
    out.push_back({std::max(window.from, to - step.count()), to});
  }
  std::ranges::reverse(out);
  return out;
}

}  // namespace tessera::fleet
