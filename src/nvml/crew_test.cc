#include "nvml/crew.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>
#include <limits>

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

TEST(GiveUpAt, WaitsForThoseWhoseTimeIsKnown) {
  const SteadyTime start{};
  const Patience patience{1000ms, 100ms};
  struct Case {
    std::optional<SteadyDuration> usual;
    std::size_t posted, finished;
    Milliseconds last_finish, want;
  };
  static const Case kCases[] = {
      {std::nullopt, 8, 7, 5ms, 1000ms},  // never seen: all the time there is
      {5ms, 1, 0, 0ms, 1000ms},           // nobody is kept waiting
      {5ms, 8, 3, 5ms, 1000ms},           // most are as late: it is the driver, not this device
      {5ms, 8, 4, 5ms, 105ms},            // half are done: the grace
      {5ms, 8, 7, 50ms, 150ms},           // after the last that finished
      {100ms, 8, 7, 50ms, 400ms},         // one that is always slow
      {900ms, 8, 7, 50ms, 1000ms},        // never beyond the deadline
      {5ms, 8, 7, 950ms, 1000ms},
  };
  for (const Case& c : kCases)
    EXPECT_EQ(give_up_at(patience, start, c.usual, c.posted, c.finished, start + c.last_finish), start + c.want);
}

/// A job that blocks while its gate is shut.
struct Gate {
  std::mutex mutex;
  std::condition_variable opened;
  bool open = true;
  int done = 0;

  void pass() {
    std::unique_lock lock(mutex);
    opened.wait(lock, [&] { return open; });
    ++done;
    opened.notify_all();
  }
  void set(bool now_open) {
    const std::lock_guard lock(mutex);
    open = now_open;
    opened.notify_all();
  }
  void wait_until_done(int times) {
    std::unique_lock lock(mutex);
    opened.wait(lock, [&] { return done >= times; });
  }
};

std::size_t hire(Crew& crew, const std::shared_ptr<Gate>& gate) {
  return crew.hire(Crew::Role::Peer, [gate] { gate->pass(); });
}

/// Waits for a thread that came back late: it says that it is done a moment before the crew knows.
bool post_when_free(Crew& crew, std::size_t number) {
  while (!crew.post(number)) std::this_thread::yield();
  return true;
}

constexpr Patience kLong{1h, 1h};

TEST(Crew, DoesEveryJobOncePerRound) {
  Crew crew;
  std::atomic<int> done = 0;
  for (int i = 0; i < 8; ++i) crew.hire(Crew::Role::Peer, [&] { ++done; });
  for (int round = 1; round <= 50; ++round) {
    crew.begin_round(kLong);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(crew.post(i));
    int finished = 0;
    while (crew.wait()) ++finished;
    EXPECT_EQ(finished, 8);
    EXPECT_EQ(done, 8 * round);
    for (std::size_t i = 0; i < 8; ++i) EXPECT_TRUE(crew.finished(i));
  }
}

TEST(Crew, GivesUpOnOneThatHangsAndDoesNotWaitForItAgain) {
  const auto healthy = std::make_shared<Gate>();
  const auto hung = std::make_shared<Gate>();
  Crew crew;
  const auto a = hire(crew, healthy);
  const auto b = hire(crew, hung);
  crew.begin_round(kLong);
  crew.post(a);
  crew.post(b);
  while (crew.wait()) continue;

  hung->set(false);
  crew.begin_round({1h, 1ms});  // without the grace this round would last an hour
  crew.post(a);
  crew.post(b);
  while (crew.wait()) continue;
  EXPECT_TRUE(crew.finished(a));
  EXPECT_FALSE(crew.finished(b));
  EXPECT_TRUE(crew.out_since(b));

  crew.begin_round(kLong);  // nor would this one end if it waited for the one that is known to hang
  EXPECT_TRUE(crew.post(a));
  EXPECT_FALSE(crew.post(b));
  while (crew.wait()) continue;
  EXPECT_TRUE(crew.finished(a));
  EXPECT_FALSE(crew.finished(b));

  hung->set(true);
  hung->wait_until_done(2);
  crew.begin_round(kLong);
  EXPECT_TRUE(post_when_free(crew, b));
  EXPECT_TRUE(crew.wait());
  EXPECT_TRUE(crew.finished(b));
  EXPECT_FALSE(crew.out_since(b));
}

TEST(Crew, GivesANewcomerTheWholeDeadlineAndNoMore) {
  const auto hung = std::make_shared<Gate>();
  hung->set(false);
  Crew crew;
  const auto number = hire(crew, hung);
  crew.begin_round({10ms, 1ms});
  crew.post(number);
  EXPECT_FALSE(crew.wait());
  hung->set(true);
}

TEST(Crew, HiresWithinARound) {
  Crew crew;
  std::atomic<int> done = 0;
  const auto first = crew.hire(Crew::Role::Apart, [&] { ++done; });
  crew.begin_round(kLong);
  crew.post(first);
  EXPECT_TRUE(crew.wait());
  const auto second = crew.hire(Crew::Role::Peer, [&] { ++done; });
  crew.post(second);
  EXPECT_TRUE(crew.wait());
  EXPECT_FALSE(crew.wait());
  EXPECT_EQ(done, 2);
}

TEST(Crew, NeverWaitsForAStuckThreadWhenItGoes) {
  const auto healthy = std::make_shared<Gate>();
  const auto hung = std::make_shared<Gate>();
  hung->set(false);
  std::promise<void> stuck, left;
  {
    Crew crew;
    const auto a = hire(crew, healthy);
    const auto tail = std::shared_ptr<void>(nullptr, [&left](void*) { left.set_value(); });
    const auto b = crew.hire(Crew::Role::Peer, [hung, tail, &stuck] {
      stuck.set_value();
      hung->pass();
    });
    crew.begin_round({1ms, 1ms});
    crew.post(a);
    crew.post(b);
    stuck.get_future().wait();  // a thread that has not begun its job is not stuck in it, and leaves
    while (crew.wait()) continue;
    EXPECT_FALSE(crew.dismiss(1ms));
    EXPECT_FALSE(crew.dismiss(1h)) << "the second time it waits for nobody";
  }
  hung->set(true);
  left.get_future().wait();  // the thread freed what its job owned, after the crew
}

TEST(Crew, SaysThatNobodyIsLeft) {
  Crew crew;
  hire(crew, std::make_shared<Gate>());
  EXPECT_TRUE(crew.dismiss(1h));
}

}  // namespace
}  // namespace tessera::nvml
