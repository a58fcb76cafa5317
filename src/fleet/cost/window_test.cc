#include "fleet/cost/window.h"

#include <gtest/gtest.h>

#include "fleet/cost/ledger.h"

namespace tessera::fleet {
namespace {
using namespace std::chrono_literals;

EpochMs at(const char* text) { return *parse_time(text); }
Zone zone(const char* name) { return *Zone::named(name); }

TEST(CostWindow, IsWhatItsWordMeansInTheZone) {
  static constexpr struct {
    const char *window, *zone, *now, *from, *to;
  } kCases[] = {
      {"today", "UTC", "2026-11-18T10:07:00Z", "2026-11-18T00:00:00Z", "2026-11-18T10:15:00Z"},
      {"yesterday", "Asia/Seoul", "2026-11-18T10:07:00Z", "2026-11-16T15:00:00Z", "2026-11-17T15:00:00Z"},
      {"week", "UTC", "2026-11-18T10:07:00Z", "2026-11-15T00:00:00Z", "2026-11-18T10:15:00Z"},  // a Wednesday
      {"lastweek", "Asia/Kolkata", "2026-11-18T10:07:00Z", "2026-11-07T18:30:00Z", "2026-11-14T18:30:00Z"},
      {"lastmonth", "Asia/Kathmandu", "2026-11-18T10:07:00Z", "2026-09-30T18:15:00Z", "2026-10-31T18:15:00Z"},
      {"lastmonth", "America/New_York", "2026-12-18T10:07:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z"},
      {"lastquarter", "America/New_York", "2026-05-18T10:07:00Z", "2026-01-01T05:00:00Z", "2026-04-01T04:00:00Z"},
      {"24h", "UTC", "2026-11-18T10:07:00Z", "2026-11-17T10:00:00Z", "2026-11-18T10:15:00Z"},
      {"2w", "UTC", "2026-11-18T10:00:00Z", "2026-11-04T10:00:00Z", "2026-11-18T10:00:00Z"},
      {"2026-10", "Asia/Seoul", "2026-11-18T10:07:00Z", "2026-09-30T15:00:00Z", "2026-10-31T15:00:00Z"},
      {"2026-11-01", "America/New_York", "2026-11-18T10:07:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
      {"2026-11-01T00:10:00+05:45,2026-11-01T01:00:00+05:45", "UTC", "2026-11-18T10:07:00Z", "2026-10-31T18:15:00Z",
       "2026-10-31T19:15:00Z"},
      {"1793470500,1793471400", "UTC", "2026-11-18T10:07:00Z", "2026-10-31T18:15:00Z", "2026-10-31T18:30:00Z"},
  };
  for (const auto& c : kCases) {
    const auto found = parse_window(c.window, at(c.now), zone(c.zone));
    ASSERT_TRUE(found) << found.error().what;
    EXPECT_EQ(format_time(found->from), format_time(at(c.from))) << c.window << ' ' << c.zone;
    EXPECT_EQ(format_time(found->to), format_time(at(c.to))) << c.window << ' ' << c.zone;
  }
}

TEST(CostWindow, RefusesWhatIsNone) {
  const EpochMs now = at("2026-11-18T10:07:00Z");
  for (const char* bad :
       {"", "tomorrow", "7", "-7d", "7d,8d", "2026-13", "2026-02-30", "2026-1", "2027-01", "5,4", "1,", "1,2,3",
        "5000d", "0s", "infinite-past,infinite-future", "99999999999999,99999999999999"})
    EXPECT_FALSE(parse_window(bad, now, Zone::utc())) << bad;
}

TEST(CostWindow, HoursDaysAndMonthsAreTheZones) {
  const auto count = [](const char* name, const char* from, const char* to, Accumulate by) {
    const auto found = pieces({at(from), at(to)}, by, zone(name));
    EXPECT_EQ(found.front().from, at(from));
    EXPECT_EQ(found.back().to, at(to));
    for (std::size_t i = 1; i < found.size(); ++i) EXPECT_EQ(found[i].from, found[i - 1].to);
    for (const CostWindow& one : found) {
      EXPECT_EQ(one.from, cost_bucket_of(one.from)) << name;
      EXPECT_LT(one.from, one.to);
    }
    return found.size();
  };
  EXPECT_EQ(count("America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", Accumulate::Hour), 25U);
  EXPECT_EQ(count("America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", Accumulate::Hour), 23U);
  EXPECT_EQ(count("America/New_York", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z", Accumulate::Day), 30U);
  EXPECT_EQ(count("Asia/Kathmandu", "2026-10-31T18:15:00Z", "2026-11-01T18:15:00Z", Accumulate::Hour), 24U);
  EXPECT_EQ(count("Asia/Kathmandu", "2026-10-31T18:00:00Z", "2026-11-01T18:15:00Z", Accumulate::Day), 2U);
  EXPECT_EQ(count("Asia/Kolkata", "2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z", Accumulate::Month), 3U);
  EXPECT_EQ(count("Asia/Seoul", "2026-11-14T15:00:00Z", "2026-11-28T15:00:00Z", Accumulate::Week), 2U);
  EXPECT_EQ(count("UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", Accumulate::Quarter), 4U);
  EXPECT_EQ(count("UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", Accumulate::All), 1U);
}

TEST(CostWindow, StepsAreCountedBackFromTheEnd) {
  const CostWindow window{at("2026-11-01T00:00:00Z"), at("2026-11-01T05:00:00Z")};
  const auto found = *pieces(window, 2h);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], (CostWindow{window.from, at("2026-11-01T01:00:00Z")}));
  EXPECT_EQ(found[2], (CostWindow{at("2026-11-01T03:00:00Z"), window.to}));
  for (const Milliseconds bad : {Milliseconds(0ms), Milliseconds(10min), Milliseconds(20min)})
    EXPECT_FALSE(pieces(window, bad));
  EXPECT_FALSE(pieces({0, window.to}, 15min)) << "too many";
}

}  // namespace
}  // namespace tessera::fleet
