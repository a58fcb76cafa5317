#include "agent/ledger.h"

#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {

constexpr EpochMs kStep = 15'000;

/// The sample with its first session only, at a time.
Observation with_sessions(EpochMs time, std::vector<Session> sessions) {
  Observation seen = sample_observation();
  seen.time = time;
  seen.sessions = std::move(sessions);
  return seen;
}

class LedgerTest : public testing::Test {
 protected:
  Observation next(std::vector<Session> sessions) {
    step();
    return update(with_sessions(time_, std::move(sessions)));
  }
  EpochMs step() {
    steady_ += Milliseconds(kStep);
    return time_ += kStep;
  }
  Observation update(Observation seen) {
    ledger_.update(seen, steady_);
    return seen;
  }
  Subject subject_ = subject_of(whole_device(0));
  Session one_ = session(subject_, 100, kTrain);
  EpochMs time_ = 1'700'000'000'000;
  SteadyTime steady_{};
  Ledger ledger_{Milliseconds(kStep)};
};

TEST_F(LedgerTest, CountsStartsAndKeepsEnds) {
  EXPECT_EQ(next({one_}).sessions_started.at(subject_), 1U);
  const auto again = next({one_});
  EXPECT_EQ(again.sessions_started.at(subject_), 1U);
  EXPECT_EQ(again.sessions[0].first_seen, time_ - kStep);
  const auto over = next({});
  ASSERT_EQ(over.ended.size(), 1U);
  EXPECT_EQ(over.ended[0].last_seen, time_ - kStep);
}

TEST_F(LedgerTest, EndedSessionsAreForgottenAfterFiveMinutes) {
  next({one_});
  next({});
  for (int i = 0; i < 20; ++i) EXPECT_EQ(next({}).ended.size(), 1U) << i;
  EXPECT_TRUE(next({}).ended.empty());
}

TEST_F(LedgerTest, SessionsOverTheLimitAreLeftOutAndCounted) {
  constexpr Ledger::Limits kFew{8, 3};
  Ledger few(Milliseconds(kStep), kFew);
  const auto follow = [&](std::vector<Session> sessions) {
    Observation seen = with_sessions(step(), std::move(sessions));
    few.update(seen, steady_);
    return seen;
  };
  std::vector<Session> storm;
  for (unsigned pid = 1; pid <= kFew.sessions; ++pid) storm.push_back(session(subject_, pid, {}));
  EXPECT_EQ(follow(storm).dropped_sessions, 0U);
  storm.insert(storm.begin(), session(subject_, 100'000, {}));  // shoves out the last one
  const auto over = follow(storm);
  EXPECT_EQ(over.sessions.size(), kFew.sessions);
  EXPECT_EQ(over.dropped_sessions, 1U);
  EXPECT_TRUE(over.ended.empty()) << "what is left out has not ended";
  EXPECT_EQ(follow(storm).dropped_sessions, 2U) << "in each collection";
  EXPECT_EQ(follow({}).dropped_ended, kFew.sessions - kFew.ended);
  const auto after = follow({});
  EXPECT_EQ(after.ended.size(), kFew.ended);
  EXPECT_EQ(after.dropped_ended, kFew.sessions - kFew.ended) << "counted once";
  EXPECT_EQ(after.dropped_sessions, 2U);
}

TEST_F(LedgerTest, AReusedPidIsAnotherSession) {
  next({one_});
  Session reused = one_;
  reused.start_ticks += 1;
  const auto seen = next({reused});
  EXPECT_EQ(seen.sessions_started.at(subject_), 2U);
  EXPECT_EQ(seen.ended.size(), 1U);
}

TEST_F(LedgerTest, AProcessListedAfterItsEndIsStillTheSameSession) {
  next({one_});
  Session gone = one_;
  gone.start_ticks = 0;
  gone.outcome = Outcome::Gone;
  gone.workload = {};
  gone.command.clear();
  const auto listed = next({gone});
  EXPECT_EQ(listed.sessions_started.at(subject_), 1U);
  EXPECT_EQ(listed.sessions[0].workload, kTrain) << "whose it was is known";
  const auto over = next({});
  ASSERT_EQ(over.ended.size(), 1U);
  EXPECT_EQ(over.ended[0].workload, kTrain);
  EXPECT_EQ(over.ended[0].command, one_.command);
  EXPECT_EQ(over.ended[0].start_ticks, one_.start_ticks);
}

TEST_F(LedgerTest, AProcessListedBeforeItCanBeLookedAtIsTheSameSession) {
  Session early = one_;
  early.start_ticks = 0;
  early.workload = {};
  const EpochMs first_seen = next({early}).sessions[0].first_seen;
  const auto seen = next({one_});
  EXPECT_EQ(seen.sessions_started.at(subject_), 1U);
  EXPECT_EQ(seen.sessions[0].first_seen, first_seen);
  EXPECT_EQ(seen.sessions[0].workload, kTrain);
  EXPECT_TRUE(seen.ended.empty());
  Session reused = one_;
  reused.start_ticks += 1;
  EXPECT_EQ(next({reused}).sessions_started.at(subject_), 2U) << "once its start is known, it tells";
}

TEST_F(LedgerTest, ADeviceThatListsNothingEndsNoSession) {
  next({one_});
  for (const auto health : {gpu::Health::Slow, gpu::Health::Denied, gpu::Health::Failed}) {
    Observation silent = with_sessions(step(), {});
    silent.snapshot.devices[0].health = health;
    EXPECT_TRUE(update(silent).ended.empty());
    EXPECT_EQ(next({one_}).sessions_started.at(subject_), 1U) << "the same session, seen again";
  }
}

TEST_F(LedgerTest, ALostDeviceHasNoSessions) {
  next({one_});
  Observation lost = with_sessions(step(), {});
  lost.snapshot.devices[0].health = gpu::Health::Lost;
  EXPECT_EQ(update(lost).ended.size(), 1U);
}

TEST_F(LedgerTest, PeakMemoryStays) {
  next({one_});
  Session smaller = one_;
  smaller.memory_bytes = 1;
  EXPECT_EQ(next({smaller}).sessions[0].peak_memory_bytes, *one_.memory_bytes);
}

TEST_F(LedgerTest, HeldSecondsGrowByWhatWasObserved) {
  EXPECT_EQ(next({}).held.at(0).seconds, 0);
  EXPECT_EQ(next({}).held.at(0).seconds, 15);
  steady_ += std::chrono::hours(1);  // the agent saw nothing for an hour: nothing is added for it
  EXPECT_EQ(next({}).held.at(0).seconds, 15);
  EXPECT_EQ(next({}).held.at(0).seconds, 30);
}

TEST_F(LedgerTest, AClockThatIsSetChangesNoLength) {
  next({one_});
  next({});
  for (const EpochMs jump : {7'200'000, -7'200'000, 5'000, -5'000, -15'000}) {
    const double before = next({}).held.at(0).seconds;
    time_ += jump;
    const auto seen = next({});
    EXPECT_EQ(seen.held.at(0).seconds - before, 15) << jump;
    EXPECT_EQ(seen.ended.size(), 1U) << jump;
  }
}

TEST_F(LedgerTest, AHolderThatLetGoIsKeptOverAJump) {
  next({});
  next({});
  time_ += 7'200'000;
  Observation unknown = with_sessions(step(), {});
  unknown.allocations.list.clear();
  EXPECT_EQ(update(unknown).held.at(0).seconds, 15) << "kept for five minutes, by whatever clock the node has";
}

TEST_F(LedgerTest, AHolderWhoseUidBecomesKnownIsTheSame) {
  const auto held = [&](const std::string& uid) {
    Observation seen = with_sessions(step(), {});
    seen.allocations.list[0].workload.pod_uid = uid;
    return update(seen).held;
  };
  held("");
  held("");
  const auto after = held(kTrain.pod_uid);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].seconds, 30);
  EXPECT_EQ(after[0].workload, kTrain);
}

TEST_F(LedgerTest, AnIndexThatChangesIsNotAnotherDevice) {
  next({one_});
  Session moved = one_;
  moved.subject.gpu = "1";
  const auto seen = next({moved});
  EXPECT_TRUE(seen.ended.empty());
  EXPECT_EQ(seen.sessions_started.at(subject_), 1U);
}

TEST_F(LedgerTest, WhatIsCountedIsShownUnderThePresentIndex) {
  const Subject slice = subject_of(mig_device(1), mig_device(1).instances[0]);
  const Session two = session(slice, 200, kServe);
  next({one_, two});
  next({one_});  // the other one has ended
  Observation swapped = with_sessions(step(), {});
  std::swap(swapped.snapshot.devices[0].index, swapped.snapshot.devices[1].index);
  swapped.snapshot.devices[0].health = gpu::Health::Slow;  // its session is neither seen nor ended
  const auto seen = update(swapped);
  ASSERT_EQ(seen.sessions_started.size(), 2U);
  EXPECT_EQ(seen.sessions_started.find(subject_)->first.gpu, "1");
  EXPECT_EQ(seen.sessions_started.find(slice)->first.gpu, "0_1_0");
  EXPECT_EQ(seen.sessions_started.at(slice), 1U);
  ASSERT_EQ(seen.held.size(), 1U);
  EXPECT_EQ(seen.held[0].subject.gpu, "1");
  EXPECT_EQ(seen.held[0].seconds, 30);
  ASSERT_EQ(seen.ended.size(), 1U);
  EXPECT_EQ(seen.ended[0].subject.gpu, "0_1_0");
  swapped.snapshot.devices[0].health = gpu::Health::Up;
  step();
  const auto over = update(swapped);
  ASSERT_EQ(over.ended.size(), 2U);
  EXPECT_EQ(over.ended[1].subject.gpu, "1");
}

TEST_F(LedgerTest, AProcessThatIsListedTwiceIsOneSession) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(next({one_, one_}).sessions_started.at(subject_), 1U);
  EXPECT_EQ(next({}).ended.size(), 1U);
}

TEST_F(LedgerTest, AHolderThatLetGoAndCameBackIsNotBilledForTheTimeBetween) {
  next({});
  Observation free = with_sessions(step(), {});
  free.allocations.list.clear();
  update(free);
  EXPECT_EQ(next({}).held.at(0).seconds, 0);
  EXPECT_EQ(next({}).held.at(0).seconds, 15);
}

}  // namespace
}  // namespace tessera::agent
