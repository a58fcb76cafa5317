// A node that leaves its cluster takes its devices with it; silence of the API takes nothing.
#include <gtest/gtest.h>

#include "fleet/cluster/cluster_state.h"
#include "fleet/inventory/health.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kMinute = 60'000;
const std::string kPage =
    "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-0\"} 60\n"
    "gpu_process_info{gpu=\"0\",UUID=\"GPU-0\",pid=\"7\",status=\"active\",pod=\"p\",namespace=\"ml\"} 1\n";

struct RetiredTest : testing::Test {
  RetiredTest() {
    ClusterNode node;
    node.name = "w-1";
    state.put(node);
    scrape(kStart);
    at(kStart);
  }
  void scrape(EpochMs time) { told.scrape(time, R"(node="w-1")", kPage); }
  void at(EpochMs now) {
    told.fleet.take_cluster(*state.view(), now);
    told.fleet.advance(now);
    view = told.fleet.publish(now);
  }
  Presence presence() const { return device_of(*view, 0).presence; }

  ToldPages told;
  ClusterState state{"default", {}};
  std::shared_ptr<const View> view;
};

TEST_F(RetiredTest, ADeviceIsRetiredAtOnceWhenItsNodeLeaves) {
  state.drop_node("w-1", kStart + 1'000);
  at(kStart + 1'000);
  EXPECT_EQ(presence(), Presence::Retired);
  EXPECT_TRUE(device_of(*view, 0).sessions.empty());
  EXPECT_EQ(told.fleet.take_ended().size(), 1U);
  EXPECT_TRUE(problems_of(device_of(*view, 0)).empty()) << "no alarm";
  at(kStart + 600 * kMinute);
  EXPECT_EQ(presence(), Presence::Retired) << "however long";
}

TEST_F(RetiredTest, WhatANodeSaidWhileItLeftDoesNotBringItBack) {
  state.drop_node("w-1", kStart + 1'000);
  at(kStart + 1'000);
  scrape(kStart + 30'000);
  at(kStart + 30'000);
  EXPECT_EQ(presence(), Presence::Retired);
  scrape(kStart + 500);  // on its way for long
  at(kStart + 31'000);
  EXPECT_EQ(presence(), Presence::Retired);
  EXPECT_TRUE(device_of(*view, 0).sessions.empty());
  scrape(kStart + 5 * kMinute);
  at(kStart + 5 * kMinute);
  EXPECT_EQ(presence(), Presence::Present) << "it goes on speaking";
  at(kStart + 20 * kMinute);
  EXPECT_EQ(presence(), Presence::Retired) << "and ends: nobody is to look for it";
}

TEST_F(RetiredTest, ANodeThatComesBackIsWaitedForAnew) {
  state.drop_node("w-1", kStart + 1'000);
  at(kStart + 1'000);
  ClusterNode node;
  node.name = "w-1";
  state.put(node);
  at(kStart + 60 * kMinute);
  EXPECT_EQ(presence(), Presence::Stale) << "its agent has not spoken yet";
  at(kStart + 64 * kMinute);
  EXPECT_EQ(presence(), Presence::Stale);
  scrape(kStart + 65 * kMinute);
  at(kStart + 65 * kMinute);
  EXPECT_EQ(presence(), Presence::Present);
  at(kStart + 80 * kMinute);
  EXPECT_EQ(presence(), Presence::Missing) << "silent, and its node is there";
}

TEST_F(RetiredTest, ANodeWhoseAgentNeverComesBackIsMissed) {
  state.drop_node("w-1", kStart + 1'000);
  at(kStart + 1'000);
  ClusterNode node;
  node.name = "w-1";
  state.put(node);
  at(kStart + 60 * kMinute);
  at(kStart + 66 * kMinute);
  EXPECT_EQ(presence(), Presence::Missing);
}

TEST_F(RetiredTest, NodesThatAreNoneOfTheClustersAreLeftAlone) {
  told.scrape(kStart, R"(node="bare")", "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-1\"} 60\n");
  told.scrape(kStart, R"(node="w-1",cluster="other")", "DCGM_FI_DEV_GPU_TEMP{gpu=\"0\",UUID=\"GPU-2\"} 60\n");
  state.drop_node("w-1", kStart + 1'000);
  at(kStart + 1'000);
  std::map<std::string, Presence> seen;
  for (const auto& node : view->nodes) seen[node->cluster + "/" + node->name] = node->devices.at(0).presence;
  EXPECT_EQ(seen, (std::map<std::string, Presence>{{"default/bare", Presence::Present},
                                                   {"default/w-1", Presence::Retired},
                                                   {"other/w-1", Presence::Present}}));
  at(kStart + 20 * kMinute);
  EXPECT_EQ(device_of(*view, 0, "bare").presence, Presence::Missing) << "the API never had it";
}

}  // namespace
}  // namespace tessera::fleet
