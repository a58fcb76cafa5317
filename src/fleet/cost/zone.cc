#include "fleet/cost/zone.h"

#include <absl/time/time.h>

namespace tessera::fleet {

struct Zone::Rules {
  std::string name;
  absl::TimeZone zone;
};

namespace {

absl::CivilDay civil(Day day) { return absl::CivilDay(day.year, day.month, day.day); }

}  // namespace

int days_between(Day from, Day to) { return static_cast<int>(civil(to) - civil(from)); }

Result<Zone> Zone::named(const std::string& name) {
  absl::TimeZone zone;
  if (name.empty() || !absl::LoadTimeZone(name, &zone))
    return fail(Code::Invalid, "time zone '{}': the system's tzdata has no such zone; a name like Asia/Seoul expected",
                name);
  return Zone(std::make_shared<const Rules>(Rules{name, zone}));
}

Zone Zone::utc() { return Zone(std::make_shared<const Rules>(Rules{"UTC", absl::UTCTimeZone()})); }

const std::string& Zone::name() const { return rules_->name; }

Day Zone::day_at(EpochMs time) const {
  const absl::CivilDay at = absl::ToCivilDay(absl::FromUnixMillis(time), rules_->zone);
  return {static_cast<int>(at.year()), at.month(), at.day()};
}

EpochMs Zone::begin_of(Day day) const { return time_of(day, Milliseconds(0)); }

EpochMs Zone::time_of(Day day, Milliseconds clock) const {
  const absl::TimeZone::TimeInfo at = rules_->zone.At(absl::CivilSecond(civil(day)) + clock.count() / 1'000);
  if (at.kind == absl::TimeZone::TimeInfo::SKIPPED) return absl::ToUnixMillis(at.trans);
  return absl::ToUnixMillis(at.pre) + clock.count() % 1'000;
}

Milliseconds Zone::clock_at(EpochMs time) const {
  const absl::TimeZone::CivilInfo at = rules_->zone.At(absl::FromUnixMillis(time));
  return Milliseconds((at.cs - absl::CivilSecond(absl::CivilDay(at.cs))) * 1'000 +
                      absl::ToInt64Milliseconds(at.subsecond));
}

int Zone::weekday_at(EpochMs time) const {
  const auto weekday = absl::GetWeekday(absl::ToCivilDay(absl::FromUnixMillis(time), rules_->zone));
  return (static_cast<int>(weekday) + 1) % 7;  // the library counts from Monday
}

int Zone::hour_at(EpochMs time) const { return absl::ToCivilSecond(absl::FromUnixMillis(time), rules_->zone).hour(); }

std::string Zone::format(EpochMs time) const {
  return absl::FormatTime(absl::RFC3339_full, absl::FromUnixMillis(time), rules_->zone);
}

std::optional<EpochMs> parse_time(std::string_view text) {
  absl::Time out;
  std::string why;
  // The library takes "infinite-future" and blanks too.
  if (text.empty() || text.find_first_not_of("0123456789-:.+TZ") != std::string_view::npos) return std::nullopt;
  if (!absl::ParseTime(absl::RFC3339_full, std::string(text), &out, &why)) return std::nullopt;
  return absl::ToUnixMillis(out);
}

}  // namespace tessera::fleet
