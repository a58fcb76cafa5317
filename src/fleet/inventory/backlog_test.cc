// Samples that are old when they come: their history is kept, and nobody is alarmed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/health.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using gpu::Reading;
using testing::IsEmpty;

constexpr EpochMs kNow = 1'800'000'000'000;
constexpr EpochMs kSecond = 1'000;
constexpr EpochMs kMinute = 60 * kSecond;
constexpr EpochMs kDay = 24 * 60 * kMinute;
const std::string kTarget = R"(job="dcgm-exporter",node="n")";
const std::string kPage = R"(DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-1",modelName="T4",hostname="n"} 0.5
)";

struct Backlog : testing::Test {
  /// A scrape of `time` that comes at `clock`.
  void come(EpochMs clock, EpochMs time, const std::string& page = kPage) {
    told.fleet.arrived(clock);
    told.scrape(time, kTarget, page);
  }
  Device at(EpochMs clock) {
    told.fleet.advance(clock);
    return device_of(*told.fleet.publish(clock), 0);
  }
  std::int64_t observed_ms() {
    std::int64_t out = 0;
    for (const SubjectUsage& one : told.fleet.meter().take().subjects) out += one.totals.observed_ms;
    return out;
  }
  ToldPages told;
};

TEST_F(Backlog, ADeviceOfThePastIsNeverMissing) {
  come(kNow, kNow - 40 * kDay);
  EXPECT_EQ(at(kNow).presence, Presence::Stale);
  EXPECT_EQ(at(kNow).readings[Reading::GraphicsEngineActiveRatio], std::nullopt) << "it is not as it is now";
  for (EpochMs clock = kNow; clock <= kNow + 10 * kMinute; clock += kSecond) {
    const Device device = at(clock);
    ASSERT_NE(device.presence, Presence::Missing) << clock - kNow;
    for (const Problem& one : problems_of(device)) ASSERT_NE(one.severity, Severity::Critical);
  }
  EXPECT_EQ(at(kNow + 10 * kMinute).presence, Presence::Retired) << "nothing more of it came, and nobody waits for it";
  EXPECT_THAT(problems_of(at(kNow + 10 * kMinute)), IsEmpty());
  EXPECT_FALSE(at(kNow + 10 * kMinute).live);
  come(kNow + 11 * kMinute, kNow + 11 * kMinute);
  EXPECT_EQ(at(kNow + 11 * kMinute).presence, Presence::Present);
  EXPECT_EQ(at(kNow + 17 * kMinute).presence, Presence::Missing) << "from then on it is waited for";
}

TEST_F(Backlog, WhatCameLateIsCountedAndRaisesNoAlarm) {
  // Two hours that a relay delivers in ten minutes, while time goes on.
  EpochMs clock = kNow, time = kNow - 120 * kMinute;
  for (; time < clock; clock += 2 * kSecond, time += 30 * kSecond) {
    come(clock, time);
    const Device device = at(clock);
    ASSERT_NE(device.presence, Presence::Missing) << "one that is new";
    ASSERT_NE(device.presence, Presence::Retired);
  }
  come(clock, clock);
  EXPECT_EQ(at(clock).presence, Presence::Present);
  EXPECT_EQ(at(clock).readings[Reading::GraphicsEngineActiveRatio], 0.5);
  EXPECT_EQ(observed_ms(), clock - (kNow - 120 * kMinute)) << "and none of it is a gap";
}

TEST_F(Backlog, WhatIsMissedStaysMissedWhileItsPastComesIn) {
  come(kNow, kNow);
  EXPECT_EQ(at(kNow + 6 * kMinute).presence, Presence::Missing);
  come(kNow + 60 * kMinute, kNow + kMinute);
  EXPECT_EQ(at(kNow + 60 * kMinute).presence, Presence::Missing) << "not back for a moment, and then lost again";
  come(kNow + 61 * kMinute, kNow + 61 * kMinute);
  EXPECT_EQ(at(kNow + 61 * kMinute).presence, Presence::Present);
}

}  // namespace
}  // namespace tessera::fleet
