#include "base/duration.h"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tessera {
namespace {

TEST(ParseDuration, ReadsEveryForm) {
  static constexpr struct {
    std::string_view text;
    Milliseconds want;
  } kCases[] = {{"15s", 15s}, {"250ms", 250ms}, {"1h30m", 90min}, {"0s", 0s}, {"2d", 48h}, {"1m1ms", 60'001ms}};
  for (const auto& c : kCases) {
    const auto parsed = parse_duration(c.text);
    ASSERT_TRUE(parsed) << c.text;
    EXPECT_EQ(*parsed, c.want) << c.text;
    EXPECT_EQ(format_duration(c.want), c.text);
  }
}

TEST(ParseDuration, ReadsWeeksAndYearsAsPrometheusDoes) {
  EXPECT_EQ(*parse_duration("2w"), 14 * 24h);
  EXPECT_EQ(*parse_duration("1y1d"), 366 * 24h);
  EXPECT_EQ(format_duration(14 * 24h), "14d");
  for (const auto* long_time : {"10001y", "4294967295w", "4294967295y"})
    EXPECT_FALSE(parse_duration(long_time)) << long_time;
}

TEST(ParseDuration, SaysWhereItStopped) {
  for (const auto* bad : {"", "15", "s", "-1s", "1h 5m", "4294967296s"}) EXPECT_FALSE(parse_duration(bad)) << bad;
  EXPECT_EQ(parse_duration("1h5x").error().what, "duration '1h5x': one of ms, s, m, h, d, w, y expected at 'x'");
}

TEST(FormatTime, IsRfc3339InUtc) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(1'700'000'000'042), "2023-11-14T22:13:20.042Z");
}

}  // namespace
}  // namespace tessera
