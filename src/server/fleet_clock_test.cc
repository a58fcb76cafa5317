#include "server/fleet_clock.h"

#include <gtest/gtest.h>

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr Milliseconds kSilence = 75s;

/// A machine's clocks, and senders whose clocks are right.
struct FleetClockTest : testing::Test {
  EpochMs right = kStart;
  Milliseconds wrong_by{0};
  Milliseconds uptime = 5h;
  FleetClock clock{kSilence, [this] { return FleetClock::Reading{right + wrong_by.count(), SteadyTime(uptime)}; }};

  void pass(Milliseconds time) {
    right += time.count();
    uptime += time;
  }
  /// `time`, in which a sample comes each five seconds and the server looks at its clock each second.
  void hear_for(Milliseconds time, Milliseconds late = 200ms) {
    for (auto left = time; left > 0ms; left -= 1s) {
      pass(1s);
      if (left % 5s == 0s) clock.heard(right - late.count());
      clock.now();
    }
  }
  void idle_for(Milliseconds time) {
    for (auto left = time; left > 0ms; left -= 1s) {
      pass(1s);
      clock.now();
    }
  }
  Milliseconds error() { return Milliseconds(clock.now() - right); }
};

TEST_F(FleetClockTest, IsTheMachinesAndFollowsWhatIsSlewed) {
  EXPECT_EQ(error(), 0ms);
  for (int i = 0; i < 100; ++i) {
    wrong_by += 500ms;  // a service that turns it slowly
    hear_for(1s);
    EXPECT_EQ(error(), wrong_by);
  }
  EXPECT_EQ(clock.disbelieved(), 0ms);
}

TEST_F(FleetClockTest, DoesNotBelieveAWrongStepForAsLongAsSamplesSayOtherwise) {
  for (const Milliseconds step :
       {Milliseconds(1h), Milliseconds(-1h), Milliseconds(20s), Milliseconds(-20s), Milliseconds(87'600h)}) {
    SCOPED_TRACE(step.count());
    wrong_by = step;
    for (int i = 0; i < 60; ++i) {
      hear_for(1min);
      ASSERT_EQ(error(), 0ms) << i;
    }
    EXPECT_EQ(clock.disbelieved(), step);
    wrong_by = 0ms;
    hear_for(5s);
    EXPECT_EQ(error(), 0ms);
    EXPECT_EQ(clock.disbelieved(), 0ms);
  }
}

TEST_F(FleetClockTest, BelievesAStepThatSetsItRight) {
  wrong_by = -10min;
  FleetClock late{kSilence, [this] { return FleetClock::Reading{right + wrong_by.count(), SteadyTime(uptime)}; }};
  EXPECT_EQ(late.now(), right - 600'000);
  wrong_by = 0ms;
  late.now();
  late.heard(right - 300);
  EXPECT_EQ(late.now(), right) << "a sample is ahead of what was believed";

  wrong_by = 10min;
  FleetClock early{kSilence, [this] { return FleetClock::Reading{right + wrong_by.count(), SteadyTime(uptime)}; }};
  wrong_by = 0ms;
  early.heard(right - 300);
  EXPECT_EQ(early.now(), right + 600'000) << "that may be a backlog";
  for (int i = 0; i < 20; ++i) {
    pass(5s);
    early.heard(right - 300);
  }
  EXPECT_EQ(early.now(), right) << "no sample was ahead of it for as long as a source may be silent";
}

TEST_F(FleetClockTest, AMachineThatWasPausedGoesOnAtTheRightTime) {
  right += 3'600'000;  // its steady clock stood still
  EXPECT_EQ(error(), -Milliseconds(1h)) << "nobody has said anything yet";
  EXPECT_EQ(clock.range().latest, right) << "what is told now is not refused as told ahead";
  clock.heard(right - 100);
  EXPECT_EQ(error(), 0ms);
}

TEST_F(FleetClockTest, ABacklogSaysNothingOfAClockThatWasSetWrong) {
  wrong_by = -Milliseconds(1h);
  clock.now();
  for (int i = 0; i < 60; ++i) {
    pass(1s);
    clock.heard(right - 3'600'000 + i * 60'000);  // an hour of it in a minute
    ASSERT_EQ(error(), 0ms);
  }
  hear_for(10min);
  EXPECT_EQ(error(), 0ms);
}

TEST_F(FleetClockTest, IsBelievedAfterFiveMinutesWhereNobodySpeaks) {
  wrong_by = 1h;
  idle_for(299s);
  EXPECT_EQ(error(), 0ms);
  idle_for(2s);
  EXPECT_EQ(error(), Milliseconds(1h));
  EXPECT_EQ(clock.disbelieved(), 0ms);
}

}  // namespace
}  // namespace tessera::server
