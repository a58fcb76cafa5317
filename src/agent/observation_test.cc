#include "agent/observation.h"

#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {
using gpu::Health;

TEST(SessionsCoverage, IsTheShareOfDevicesWhoseSessionsAreKnown) {
  static constexpr struct {
    Health first;
    double want;
  } kCases[] = {{Health::Up, 1}, {Health::Lost, 1}, {Health::Slow, 0.5}, {Health::Denied, 0.5}, {Health::Failed, 0.5}};
  for (const auto& c : kCases) {
    Observation seen = sample_observation();
    seen.snapshot.devices[0].health = c.first;
    EXPECT_EQ(seen.sessions_coverage(), c.want) << static_cast<int>(c.first);
  }
}

TEST(SessionsCoverage, IsNothingForTheBlindAndAbsentWithoutDevices) {
  Observation seen = sample_observation();
  seen.blindness.no_host_pid = true;
  EXPECT_EQ(seen.sessions_coverage(), 0.0);
  seen.blindness.no_host_pid = false;
  seen.snapshot.devices.clear();
  EXPECT_EQ(seen.sessions_coverage(), std::nullopt);
  seen = sample_observation();
  seen.driver_up = false;
  EXPECT_EQ(seen.sessions_coverage(), std::nullopt);
}

}  // namespace
}  // namespace tessera::agent
