#include "base/every.h"

#include <gtest/gtest.h>

using namespace std::chrono_literals;

namespace tessera {
namespace {

TEST(Every, TicksUntilStopped) {
  std::stop_source stop;
  int ticks = 0;
  every(1ms, stop.get_token(), [&] {
    if (++ticks == 3) stop.request_stop();
  });
  EXPECT_EQ(ticks, 3);
}

TEST(Every, DoesNothingOnceStopped) {
  std::stop_source stop;
  stop.request_stop();
  every(1ms, stop.get_token(), [] { FAIL() << "ticked after the stop"; });
}

TEST(WaitUntil, TellsTimeFromStop) {
  std::stop_source stop;
  EXPECT_TRUE(wait_until(std::chrono::steady_clock::now(), stop.get_token()));
  stop.request_stop();
  EXPECT_FALSE(wait_until(std::chrono::steady_clock::now() + 1h, stop.get_token()));
}

}  // namespace
}  // namespace tessera
