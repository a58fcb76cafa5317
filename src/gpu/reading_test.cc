#include "gpu/reading.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tessera::gpu {
namespace {

TEST(Readings, AgreeWithAMap) {
  std::mt19937 random(11);
  Readings readings;
  std::map<Reading, double> want;
  for (int i = 0; i < 20'000; ++i) {
    const auto reading = static_cast<Reading>(random() % kReadingCount);
    if (random() % 3 == 0) {
      readings.clear(reading);
      want.erase(reading);
    } else {
      readings.set(reading, i);
      want[reading] = i;
    }
    for (std::size_t at = 0; at < kReadingCount; ++at) {
      const auto known = want.find(static_cast<Reading>(at));
      ASSERT_EQ(readings[static_cast<Reading>(at)], known == want.end() ? std::nullopt : std::optional(known->second));
    }
  }
}

TEST(Readings, AreEqualWhereTheSameIsThere) {
  Readings a, b;
  a.set(Reading::PowerWatts, 0);
  EXPECT_NE(a, b) << "0 is not absent";
  b.set(Reading::FanPercent, 0);
  EXPECT_NE(a, b);
  a.set(Reading::FanPercent, 0);
  b.set(Reading::PowerWatts, 7);
  b.set(Reading::PowerWatts, 0);
  EXPECT_EQ(a, b) << "in whatever order it was told";
  a.clear(Reading::PowerWatts);
  a.clear(Reading::FanPercent);
  EXPECT_EQ(a, Readings()) << "what was told before is nothing now";
}

}  // namespace
}  // namespace tessera::gpu
