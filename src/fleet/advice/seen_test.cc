#include "fleet/advice/seen.h"

#include <gtest/gtest.h>

#include "fleet/advice/scenarios.h"

namespace tessera::fleet::advice {
namespace {

constexpr Milliseconds kDays{std::chrono::hours(24 * 14)};

TEST(Seen, BeginsWhenThePodHasHadTimeToStart) {
  const auto slots = slots_of([](EpochMs at) { return doing(at, 0.5, 0.5, 0.2, 4); }, kDays);
  const Seen seen = sum_up(slots, kNow - 10 * kHourMs, kNow);
  EXPECT_EQ(seen.rhythm.from, kNow - 8 * kHourMs);
  EXPECT_EQ(seen.rhythm.known_slots, 96U);
  EXPECT_DOUBLE_EQ(seen.rhythm.observed, 1);
  EXPECT_DOUBLE_EQ(*seen.width_p95, 0.4);
  EXPECT_EQ(*seen.memory_p99, 4 * kGiB);
}

TEST(Seen, KnowsTheBandwidthOfKernelsWhereHalfOfTheBusySlotsTellIt) {
  const auto told_each = [](int nth) {
    return sum_up(slots_of(
                      [nth](EpochMs at) {
                        Slot one = doing(at, 0.5, 0.5, 0.2, 4);
                        if (at / kSlot.count() % nth == 0) one.dram = 0.3;
                        return one;
                      },
                      kDays),
                  kNow - 10 * kHourMs, kNow);
  };
  EXPECT_DOUBLE_EQ(told_each(2).bandwidth_p95.value(), 0.6);
  EXPECT_DOUBLE_EQ(told_each(2).dram_p95.value(), 0.3);
  EXPECT_FALSE(told_each(3).bandwidth_p95);
  EXPECT_FALSE(told_each(3).dram_p95);
}

TEST(Seen, IsOfAWindowOfNoTimeWhereThePodHasJustCome) {
  const Seen seen = sum_up(std::span<const Slot>(), kNow - kHourMs, kNow);
  EXPECT_EQ(seen.rhythm.window().count(), 0);
  EXPECT_EQ(seen.rhythm.observed, 0);
  EXPECT_FALSE(seen.busy_p95);
  EXPECT_FALSE(seen.memory_most);
}

TEST(Seen, CountsWhatWasNotToldAsNotObserved) {
  const auto slots = slots_of(
      [](EpochMs at) {
        Slot one = doing(at, 0, 0, 0, 4);
        one.observed_ms /= 2;
        return one;
      },
      kDays);
  EXPECT_DOUBLE_EQ(sum_up(slots, 0, kNow).rhythm.observed, 0.5);
}

TEST(Seen, IsQuietSinceTheLastSlotWithSomethingDone) {
  const auto slots = slots_of(
      [](EpochMs at) {
        const EpochMs ago = kNow - at;
        return doing(at, 0, ago == 40 * kHourMs || ago == 100 * kHourMs ? 0.02 : 0.005, 0, 4);
      },
      kDays);
  const Rhythm rhythm = sum_up(slots, kNow - 112 * kHourMs, kNow).rhythm;
  EXPECT_EQ(rhythm.active_slots, 2U);
  EXPECT_EQ(rhythm.quiet_since, kNow - 40 * kHourMs + kSlot.count());
  EXPECT_EQ(rhythm.longest_pause, Milliseconds(60 * kHourMs) - kSlot);
  EXPECT_DOUBLE_EQ(rhythm.quiet_observed, 1);
  EXPECT_EQ(sum_up(slots, kNow - 182 * kHourMs, kNow).rhythm.longest_pause, Milliseconds(80 * kHourMs))
      << "the time before the first one is a pause, too";
}

TEST(Seen, SaysNothingOfWidthThatHalfOfTheBusySlotsDoNotTell) {
  const auto slots = slots_of(
      [](EpochMs at) {
        Slot one = doing(at, 0.5, 0.5, 0.2, 4);
        if (at / kSlot.count() % 3 != 0) one.sm.reset();
        return one;
      },
      kDays);
  EXPECT_FALSE(sum_up(slots, 0, kNow).width_p95);
}

TEST(Percentile, IsTheSmallestThatSoManyDoNotExceed) {
  EXPECT_FALSE(percentile({}, 0.5));
  EXPECT_EQ(percentile({3}, 0.99), 3);
  EXPECT_EQ(percentile({1, 2, 3, 4}, 0.5), 2);
  EXPECT_EQ(percentile({4, 3, 2, 1}, 0.75), 3);
  EXPECT_EQ(percentile({4, 3, 2, 1}, 1), 4);
  EXPECT_EQ(percentile({4, 3, 2, 1}, 0), 1);
}

TEST(QuietHours, AreTheLongestRunAroundMidnightToo) {
  const auto slots = slots_of(
      [](EpochMs at) {
        const EpochMs hour = at % kDayMs / kHourMs;
        return doing(at, hour >= 6 && hour < 20 ? 0.5 : 0, 0, 0, 4);
      },
      kDays);
  const Rhythm rhythm = sum_up(slots, 0, kNow).rhythm;
  const Quiet quiet = quiet_hours(rhythm, 6);
  EXPECT_EQ(quiet.first, 20U);
  EXPECT_EQ(quiet.count, 10U);
  EXPECT_EQ(quiet_hours(rhythm, 15).count, 0U);  // so many days were not told
}

TEST(EngineSeen, TakesProbesForNothing) {
  const auto active = [](double tokens_per_second, double finished) {
    std::vector<EngineSlot> slots;
    for (EpochMs at = kNow - kDayMs; at < kNow; at += kSlot.count()) {
      EngineSlot one;
      one.begin = at;
      one.observed_ms = kSlot.count();
      one.tokens = tokens_per_second * 300;
      one.finished = finished;
      slots.push_back(one);
    }
    return sum_up(slots, 0, kNow, {.most = Milliseconds(kDayMs)}).rhythm.active_slots;
  };
  EXPECT_EQ(active(0.9, 0), 0U);
  EXPECT_EQ(active(1, 0), 288U);
  EXPECT_EQ(active(0, 1), 288U);
}

}  // namespace
}  // namespace tessera::fleet::advice
