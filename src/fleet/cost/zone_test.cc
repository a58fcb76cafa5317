#include "fleet/cost/zone.h"

#include <gtest/gtest.h>

#include "base/utc.h"

namespace tessera::fleet {
namespace {

TEST(Zone, BeginsDaysWhereTheirPeopleDo) {
  static constexpr struct {
    const char* zone;
    Day day;
    const char* begins;
  } kCases[] = {
      {"UTC", {2026, 3, 1}, "2026-03-01T00:00:00Z"},
      {"Asia/Seoul", {2026, 3, 1}, "2026-02-28T15:00:00Z"},
      {"Asia/Kolkata", {2026, 3, 1}, "2026-02-28T18:30:00Z"},
      {"Asia/Kathmandu", {2026, 3, 1}, "2026-02-28T18:15:00Z"},
      {"America/New_York", {2026, 3, 8}, "2026-03-08T05:00:00Z"},  // clocks go forward in it
      {"America/New_York", {2026, 3, 9}, "2026-03-09T04:00:00Z"},
      {"America/New_York", {2026, 11, 2}, "2026-11-02T05:00:00Z"},  // the day before has 25 hours
      {"America/New_York", {2026, 13, 1}, "2027-01-01T05:00:00Z"},
      {"Asia/Beirut", {2026, 3, 29}, "2026-03-28T22:00:00Z"},  // clocks skip midnight
  };
  for (const auto& c : kCases) {
    const auto zone = Zone::named(c.zone);
    ASSERT_TRUE(zone) << zone.error().what;
    EXPECT_EQ(format_time(zone->begin_of(c.day)), format_time(*parse_utc(c.begins))) << c.zone;
  }
}

TEST(Zone, KnowsTheDayOfAMoment) {
  const auto zone = *Zone::named("Asia/Kathmandu");
  EXPECT_EQ(zone.day_at(*parse_utc("2026-02-28T18:14:59Z")), (Day{2026, 2, 28}));
  EXPECT_EQ(zone.day_at(*parse_utc("2026-02-28T18:15:00Z")), (Day{2026, 3, 1}));
  EXPECT_EQ(zone.weekday_at(*parse_utc("2026-02-28T18:15:00Z")), 0) << "a Sunday";
  EXPECT_EQ(zone.format(*parse_utc("2026-02-28T18:15:00Z")), "2026-03-01T00:00:00+05:45");
  EXPECT_EQ(zone.hour_at(*parse_utc("2026-02-28T18:14:59Z")), 23);
  EXPECT_EQ(zone.hour_at(*parse_utc("2026-02-28T18:15:00Z")), 0);
  EXPECT_EQ(Zone::utc().weekday_at(0), 4) << "a Thursday";
}

TEST(Zone, FindsWhatClocksShow) {
  constexpr Milliseconds kHalfPastTwo{150 * 60'000 + 7};
  static const struct {
    const char* zone;
    Day day;
    const char* at;
    bool shown;
  } kCases[] = {
      {"America/New_York", {2026, 3, 7}, "2026-03-07T07:30:00.007Z", true},
      {"America/New_York", {2026, 3, 8}, "2026-03-08T07:00:00.000Z", false},  // skipped: from two to three
      {"America/New_York", {2026, 3, 9}, "2026-03-09T06:30:00.007Z", true},
      {"Europe/Berlin", {2026, 10, 25}, "2026-10-25T00:30:00.007Z", true},  // shown twice: the first
      {"UTC", {2026, 10, 25}, "2026-10-25T02:30:00.007Z", true},
  };
  for (const auto& c : kCases) {
    const auto zone = *Zone::named(c.zone);
    const EpochMs at = zone.time_of(c.day, kHalfPastTwo);
    EXPECT_EQ(format_time(at), c.at) << c.zone;
    if (c.shown) EXPECT_EQ(zone.clock_at(at), kHalfPastTwo) << c.zone;
    if (c.shown) EXPECT_EQ(zone.day_at(at), c.day) << c.zone;
  }
  EXPECT_EQ(days_between({2026, 2, 27}, {2026, 3, 2}), 3);
  EXPECT_EQ(days_between({2026, 1, 1}, {2025, 12, 31}), -1);
}

TEST(Zone, RefusesWhatIsNone) {
  for (const char* bad : {"", "Asia/Atlantis", "../etc/passwd"}) EXPECT_FALSE(Zone::named(bad)) << bad;
}

}  // namespace
}  // namespace tessera::fleet
