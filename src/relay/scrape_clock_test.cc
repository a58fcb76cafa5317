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

TEST(NextTick, AStallLeavesThePhases) {
  constexpr Milliseconds kInterval = 10s;
  const SteadyTime begin{};
  for (const Milliseconds stall : {0ms, 3'000ms, 5'001ms, 9'999ms, 10'000ms, 30'000ms, 3'600'123ms})
    for (Milliseconds phase{0}; phase < kInterval; phase += 250ms) {
      const SteadyTime when = begin + phase;
      const NextTick next = next_tick(when, kInterval, when + stall);
      EXPECT_GT(next.when, when + stall);
      EXPECT_LE(next.when, when + stall + kInterval);
      EXPECT_EQ((next.when - begin) % kInterval, phase) << "spread as before";
      EXPECT_EQ(next.passed_over, static_cast<std::uint64_t>(stall / kInterval)) << stall.count();
    }
}

}  // namespace
}  // namespace tessera::relay
