// What has left for good is listed no longer, and its place is another's.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "fleet/inventory/overview.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using gpu::Reading;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kHour = 3'600'000;
constexpr EpochMs kDay = 24 * kHour;

std::string page_of(const std::string& uuid, unsigned index, double utilization) {
  return fmt::format(
      "gpu_mig_instance_info{{gpu=\"{0}\",UUID=\"{1}\",GPU_I_ID=\"2\",GPU_I_PROFILE=\"2g.20gb\",start=\"0\",size=\"2\"}"
      "} 1\n"
      "DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu=\"{0}\",UUID=\"{1}\",GPU_I_ID=\"2\",GPU_I_PROFILE=\"2g.20gb\"}} {2}\n"
      "DCGM_FI_DEV_GPU_TEMP{{gpu=\"{0}\",UUID=\"{1}\"}} {3}\n"
      "gpu_allocation_info{{gpu=\"{0}\",UUID=\"{1}\",GPU_I_ID=\"2\",resource=\"nvidia.com/mig-2g.20gb\",pod=\"p\","
      "namespace=\"ml\",container=\"c\"}} 1\n",
      index, uuid, utilization, 100 * utilization);
}

struct DropTest : testing::Test {
  explicit DropTest(FleetOptions options = {}) : told(std::move(options)) {}
  void scrape(EpochMs time, const std::string& node, const std::string& page) {
    told.fleet.arrived(time);
    told.scrape(time, fmt::format("node=\"{}\"", node), page);
  }
  /// As the keeper does it: usage is taken, series that nobody has sent are forgotten.
  std::size_t dropped_at(EpochMs now, bool forget = true) {
    told.fleet.arrived(now);
    if (forget) told.forget();
    told.fleet.advance(now);
    told.fleet.meter().settle(now);
    usage = told.fleet.meter().take(now - kHour);
    const std::size_t out = told.fleet.drop_gone(now).size();
    told.fleet.meter().take(now);
    view = told.fleet.publish(now);
    return out;
  }
  ToldPages told;
  Usage usage;
  std::shared_ptr<const View> view;
};

TEST_F(DropTest, WhatIsMissingForAMonth) {
  scrape(kStart, "a", page_of("GPU-1", 0, 0.5));
  EXPECT_EQ(dropped_at(kStart + kHour), 0U);
  EXPECT_EQ(device_of(*view, 0).presence, Presence::Missing);
  EXPECT_EQ(dropped_at(kStart + 29 * kDay), 0U);
  EXPECT_EQ(dropped_at(kStart + 31 * kDay), 1U);
  EXPECT_TRUE(view->nodes.empty());
  scrape(kStart + 32 * kDay, "a", page_of("GPU-1", 0, 0.25));
  EXPECT_EQ(dropped_at(kStart + 32 * kDay), 0U);
  EXPECT_EQ(device_of(*view, 0).presence, Presence::Present) << "it comes back as a new one";
  EXPECT_EQ(device_of(*view, 0).first_seen, kStart + 32 * kDay);
}

TEST_F(DropTest, ButNotWhileASeriesTellsOfIt) {
  scrape(kStart, "a", page_of("GPU-1", 0, 0.5));
  EXPECT_EQ(dropped_at(kStart + 31 * kDay, false), 0U);
  EXPECT_EQ(dropped_at(kStart + 31 * kDay, false), 0U);
  EXPECT_EQ(dropped_at(kStart + 31 * kDay), 1U);
}

// A board that was replaced goes after eight days; those beside it keep what is told of them.
TEST_F(DropTest, TheOthersOfANodeStayAsTheyAre) {
  const std::string rest = page_of("GPU-0", 0, 0.1) + page_of("GPU-2", 2, 0.3);
  scrape(kStart, "a", rest + page_of("GPU-1", 1, 0.2));
  const EpochMs replaced = kStart + kHour;
  std::size_t dropped = 0;
  EpochMs time = replaced;
  for (; time < replaced + 9 * kDay; time += kHour) {
    scrape(time, "a", rest + page_of("GPU-9", 1, 0.9));
    dropped += dropped_at(time);
    if (time < replaced + 7 * kDay) ASSERT_EQ(dropped, 0U);
  }
  EXPECT_EQ(dropped, 1U);
  scrape(time, "a", rest + page_of("GPU-9", 1, 0.9));
  dropped_at(time);
  const Node& node = *view->nodes.at(0);
  ASSERT_EQ(node.devices.size(), 3U);
  for (const auto& [uuid, wanted] : {std::pair{"GPU-0", 10}, {"GPU-9", 90}, {"GPU-2", 30}}) {
    const auto device = std::ranges::find(node.devices, uuid, [](const Device& one) { return one.facts->uuid; });
    ASSERT_NE(device, node.devices.end()) << uuid;
    EXPECT_EQ(device->readings[Reading::TemperatureCelsius], wanted) << uuid;
    ASSERT_EQ(device->instances.size(), 1U);
    EXPECT_EQ(device->instances[0].readings[Reading::GraphicsEngineActiveRatio], wanted / 100.0);
  }
}

// A board that each day is of a node with another name leaves the one before without any.
TEST_F(DropTest, ANodeWhoseBoardsMovedAwayGoesToo) {
  for (int day = 0; day < 30; ++day) {
    scrape(kStart + day * kDay, fmt::format("node-{}", day), page_of("GPU-1", 0, 0.5));
    EXPECT_EQ(dropped_at(kStart + day * kDay + kHour), 0U);
  }
  EXPECT_EQ(view->nodes.size(), 8U) << "heard of within eight days";
  EXPECT_EQ(node_of(*view, "node-29").devices.size(), 1U);
}

// A cluster that grows and shrinks each day has a thousand nodes in a year, and three at a time.
struct ChurnTest : DropTest {
  ChurnTest() : DropTest({.limits = {.nodes = 40, .devices = 40, .instances = 40, .rows = 40}}) {}
};
TEST_F(ChurnTest, RoomIsForThoseWhoAreThere) {
  OverviewFold fold;
  for (int day = 0; day < 365; ++day) {
    const EpochMs begin = kStart + day * kDay;
    for (int minute = 0; minute < 3; ++minute)
      scrape(begin + minute * 30'000, fmt::format("node-{}", day), page_of(fmt::format("GPU-{}", day), 0, 0.5));
    dropped_at(begin + kHour);
    std::int64_t observed = 0, held = 0;
    for (const SubjectUsage& one : usage.subjects) {
      EXPECT_EQ(told.fleet.usage_subject(one.subject).device_uuid, fmt::format("GPU-{}", day));
      if (told.fleet.usage_subject(one.subject).gpu_instance) observed += one.totals.observed_ms;
    }
    for (const OwnerUsage& one : usage.owners) held += one.held_ms;
    EXPECT_EQ(observed, 60'000 + 75'000) << day;  // told for a minute, and held for 2.5 intervals
    EXPECT_EQ(held, 60'000 + 75'000) << day;
    EXPECT_EQ(fold.of(*view).all.devices, view->nodes.size());
  }
  EXPECT_EQ(told.fleet.refused(), RefusedSeries{});
  EXPECT_EQ(view->nodes.size(), 30U);
}

}  // namespace
}  // namespace tessera::fleet
