#include "relay/health_log.h"

#include <gtest/gtest.h>

namespace tessera::relay {
namespace {
using namespace std::chrono_literals;

std::size_t count(const std::string& log, std::string_view text) {
  std::size_t found = 0;
  for (auto at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++found;
  return found;
}

Target target(int number) {
  auto job = std::make_shared<Job>();
  job->name = "gpu";
  Target made;
  made.job = std::move(job);
  made.url = "http://10.0.0." + std::to_string(number) + ":9400/metrics";
  return made;
}

TEST(HealthLog, NamesEachTargetOnce) {
  HealthLog changes;
  testing::internal::CaptureStderr();
  changes.went_down(target(1), "HTTP status 500", SteadyTime(1s));
  changes.came_up(target(1), SteadyTime(2s));
  changes.sum_up(SteadyTime(10min));
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(log, "\n"), 2U) << log;
  EXPECT_EQ(count(log, "warn target is down job=gpu url=http://10.0.0.1:9400/metrics"), 1U) << log;
  EXPECT_EQ(count(log, "error=\"HTTP status 500\""), 1U) << log;
  EXPECT_EQ(count(log, "info target is up again job=gpu url=http://10.0.0.1:9400/metrics"), 1U) << log;
}

TEST(HealthLog, SumsUpWhereManyChange) {
  HealthLog changes;
  testing::internal::CaptureStderr();
  SteadyTime now(1h);
  for (int i = 0; i < 200; ++i) changes.went_down(target(i), "no route", now += 100ms);
  for (int i = 0; i < 50; ++i) changes.came_up(target(i), now += 100ms);
  changes.sum_up(now);
  const std::string minute = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(minute, "\n"), 20U) << minute;

  testing::internal::CaptureStderr();
  changes.sum_up(now += 60s);
  changes.sum_up(now += 60s);
  changes.came_up(target(7), now);
  const std::string after = testing::internal::GetCapturedStderr();
  EXPECT_EQ(count(after, "\n"), 2U) << after;
  EXPECT_EQ(count(after, "went_down=180 came_up=50"), 1U) << after;
  EXPECT_EQ(count(after, "target is up again"), 1U) << "another minute, another twenty";
}

}  // namespace
}  // namespace tessera::relay
