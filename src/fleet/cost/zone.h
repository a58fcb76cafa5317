#pragma once
// Days, weeks and months as people in a time zone count them. The zones are those of the system's tzdata.
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::fleet {

/// A day of the Gregorian calendar. Months and days beyond their range count on: month 13 is next January.
struct Day {
  int year = 1970;
  int month = 1;
  int day = 1;
  bool operator==(const Day&) const = default;
};

/// How many midnights are between them; negative where `to` is before `from`.
int days_between(Day from, Day to);

/// Immutable and cheap to copy; any thread may use it.
class Zone {
 public:
  /// By its IANA name: "Asia/Seoul". Invalid for a name that the system does not know; UTC is always known.
  static Result<Zone> named(const std::string& name);
  static Zone utc();

  const std::string& name() const;
  Day day_at(EpochMs time) const;
  /// The first moment of the day: where clocks skip midnight, the moment that they skip to.
  EpochMs begin_of(Day day) const;
  /// When clocks show so much behind midnight first; where they skip it, the moment that they skip to.
  EpochMs time_of(Day day, Milliseconds clock) const;
  /// What they show, from midnight on.
  Milliseconds clock_at(EpochMs time) const;
  /// 0: Sunday.
  int weekday_at(EpochMs time) const;
  /// 0 to 23, as clocks show it.
  int hour_at(EpochMs time) const;
  /// RFC 3339 with the zone's offset: `2026-11-01T00:00:00+05:45`.
  std::string format(EpochMs time) const;

 private:
  struct Rules;
  explicit Zone(std::shared_ptr<const Rules> rules) : rules_(std::move(rules)) {}
  std::shared_ptr<const Rules> rules_;
};

/// RFC 3339 with any offset: `2026-11-01T00:00:00+05:45`. Fractions are cut to milliseconds.
std::optional<EpochMs> parse_time(std::string_view text);

}  // namespace tessera::fleet
