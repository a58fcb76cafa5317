#include "base/window.h"

#include <gtest/gtest.h>

namespace tessera {
namespace {

constexpr EpochMs kMinute = 60'000, kHour = 60 * kMinute;

TEST(Windows, AreReadAndWritten) {
  EXPECT_EQ(text_of(*parse_windows("22:00-04:00, 12:00-12:30")), "22:00-04:00,12:00-12:30");
  for (const char* bad : {"", "22:00", "22:00-22:00", "24:00-01:00", "1:00-02:00", "+1:00-02:00", "22:00-04:00-05:00"})
    EXPECT_FALSE(parse_windows(bad)) << bad;
}

TEST(Windows, AreOpenFromTheirFirstMinuteToBeforeTheirLast) {
  const auto windows = *parse_windows("22:00-04:00,12:00-12:30");
  const EpochMs day = 20'000 * 24 * kHour;
  const struct {
    EpochMs at;
    bool open;
  } kCases[] = {{0, true},
                {4 * kHour - 1, true},
                {4 * kHour, false},
                {12 * kHour, true},
                {12 * kHour + 30 * kMinute, false},
                {22 * kHour - 1, false},
                {22 * kHour, true}};
  for (const auto& c : kCases) EXPECT_EQ(is_open(windows, day + c.at), c.open) << c.at;
  EXPECT_TRUE(is_open({}, day)) << "without windows, at any time";
}

}  // namespace
}  // namespace tessera
