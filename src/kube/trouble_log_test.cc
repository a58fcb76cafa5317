#include "kube/trouble_log.h"

#include <gtest/gtest.h>

namespace tessera::kube {
namespace {
using namespace std::chrono_literals;

TEST(TroubleLog, TellsEachChangeOnce) {
  TroubleLog log;
  SteadyTime now{};
  EXPECT_FALSE(log.works()) << "nothing was said to fail";
  int lines = 0;
  for (int attempt = 0; attempt < 20; ++attempt)  // an outage of ten minutes
    lines += log.failed("GET /pods: HTTP status 401: Unauthorized", now += 30s);
  EXPECT_EQ(lines, 1);
  EXPECT_TRUE(log.failed("GET /pods: HTTP status 403: Forbidden", now += 30s)) << "something else fails";
  EXPECT_TRUE(log.works());
  EXPECT_FALSE(log.works());
  EXPECT_TRUE(log.failed("GET /pods: HTTP status 403: Forbidden", now += 61s)) << "again, after it had worked";
}

TEST(TroubleLog, NumbersAloneAreNoChange) {
  TroubleLog log;
  SteadyTime now{};
  EXPECT_TRUE(log.failed("no connection after 3 ms", now));
  EXPECT_FALSE(log.failed("no connection after 12 ms", now += 10min));
}

TEST(TroubleLog, OneThatComesAndGoesFillsNoLog) {
  TroubleLog log;
  SteadyTime now{};
  int lines = 0;
  for (int second = 0; second < 600; ++second, now += 1s) {
    lines += log.failed(second % 2 == 0 ? "cut" : "no answer", now);
    lines += log.works();
  }
  EXPECT_EQ(lines, 20) << "a failure and its end a minute";
}

}  // namespace
}  // namespace tessera::kube
