#include "relay/scrape_clock.h"

#include <gtest/gtest.h>

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

constexpr EpochMs kNow = 1'700'000'000'000;

TEST(ScrapeClock, FollowsTheWallClock) {
  ScrapeClock clock;
  const SteadyTime begin{};
  EXPECT_EQ(clock.time(begin, kNow), kNow);
  EXPECT_EQ(clock.time(begin + 1s, kNow + 1'000), kNow + 1'000);
  EXPECT_EQ(clock.time(begin + 2s, kNow + 3'600'000), kNow + 3'600'000) << "set forward: at once";
}

TEST(ScrapeClock, ASmallStepBackIsFollowedWithoutGoingBack) {
  ScrapeClock clock;
  const SteadyTime begin{};
  EpochMs last = clock.time(begin, kNow);
  for (int second = 1; second <= 20; ++second) {
    const EpochMs wall = kNow + second * 1'000 - 5'000;
    const EpochMs now = clock.time(begin + std::chrono::seconds(second), wall);
    EXPECT_GT(now, last);
    EXPECT_TRUE(second < 10 || now == wall) << "half speed makes up for 5 s in 10 s";
    last = now;
  }
}

TEST(ScrapeClock, ALargeStepBackIsBelieved) {
  ScrapeClock clock;
  const SteadyTime begin{};
  clock.time(begin, kNow);
  EXPECT_EQ(clock.time(begin + 1s, kNow - 3'600'000), kNow - 3'600'000);
}

}  // namespace
}  // namespace tessera::relay
