#include "fleet/alerts/observe_quotas.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/cluster/cluster_state.h"

namespace tessera::fleet::alerts {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kStart = 1'700'000'000'000, kMinute = 60'000;
constexpr int kWeek = 7 * 24 * 60;

/// A cluster with one quota of GPUs.
struct Quotas : testing::Test {
  Quotas() {
    for (const ClusterList list : {ClusterList::Nodes, ClusterList::Namespaces, ClusterList::Pods, ClusterList::Quotas})
      state.complete(list, 0);
  }
  void quota(std::int64_t hard, std::int64_t used, bool scoped = false) {
    state.put(ClusterQuota{"ml", "gpus", {{"nvidia.com/gpu", hard}}, {{"nvidia.com/gpu", used}}, scoped});
  }
  void pod(const std::string& name, std::int64_t gpus, const std::string& node = "w", bool deleting = false) {
    ClusterPod made;
    made.space = "ml";
    made.name = name;
    made.node = node;
    made.deleting = deleting;
    made.requests = {{"nvidia.com/gpu", gpus}};
    state.put(std::move(made));
  }
  void minutes(int count) {
    for (int i = 0; i < count; ++i) {
      Round round{now += kMinute, {}, {}};
      observe_quotas(*state.view(), now, round);
      for (const Change& one : evaluator.take(round))
        out.push_back(fmt::format("{} {} {:.6g}", one.track.rule, phase_name(one.track.phase), one.track.value));
    }
  }

  ClusterState state{"c", {}};
  Evaluator evaluator{builtin_rules(), Milliseconds(75'000)};
  EpochMs now = kStart;
  std::vector<std::string> out;
};

TEST_F(Quotas, TooSmallIsOneThatPodsRunBeyond) {
  quota(4, 4);
  pod("a", 4);
  minutes(60);
  EXPECT_THAT(out, IsEmpty()) << "all of it is in use, as it may be";
  quota(2, 4);
  minutes(20);
  EXPECT_THAT(out, ElementsAre("GPUQuotaTooSmall firing 2"));
  state.drop_pod("ml/a");
  quota(2, 2);
  minutes(2);
  EXPECT_THAT(out, ElementsAre("GPUQuotaTooSmall firing 2", "GPUQuotaTooSmall resolved 2"));
}

TEST_F(Quotas, WhatRunsCountsAlsoWhereTheControllerDoesNotCountIt) {
  quota(0, 0);
  pod("a", 1);
  pod("waits", 8, "");
  minutes(20);
  EXPECT_THAT(out, ElementsAre("GPUQuotaTooSmall firing 1"));
}

TEST_F(Quotas, PodsOfALostNodeAreReplacedAndNotMore) {
  quota(4, 4);
  pod("a", 4, "lost", true);
  pod("b", 4);
  minutes(60);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Quotas, OfSomePodsAloneIsWhatItsControllerCounts) {
  quota(2, 1, true);
  pod("a", 8);
  minutes(60);
  EXPECT_THAT(out, IsEmpty());
}

TEST_F(Quotas, UnusedIsOneOfWhichNothingWasHadForAWeek) {
  quota(4, 0);
  minutes(kWeek);
  EXPECT_THAT(out, IsEmpty());
  minutes(1);
  EXPECT_THAT(out, ElementsAre("GPUQuotaUnused firing 4"));
  quota(4, 1);
  minutes(1);
  EXPECT_THAT(out, ElementsAre("GPUQuotaUnused firing 4", "GPUQuotaUnused resolved 4"));
  out.clear();
  quota(4, 0);
  minutes(kWeek - 60);
  pod("a", 1);
  minutes(1);
  state.drop_pod("ml/a");
  minutes(kWeek - 60);
  EXPECT_THAT(out, IsEmpty()) << "once a week is use";
  quota(0, 0);
  minutes(2 * kWeek);
  EXPECT_THAT(out, IsEmpty()) << "a namespace that may have none is no waste";
}

TEST_F(Quotas, AreNotGoneWhileNobodyTellsThem) {
  quota(2, 4);
  minutes(20);
  ASSERT_THAT(out, ElementsAre("GPUQuotaTooSmall firing 2"));
  ClusterState again("c", {});  // a restart: no list is complete yet
  std::swap(state, again);
  minutes(30);
  for (const ClusterList list : {ClusterList::Nodes, ClusterList::Namespaces, ClusterList::Pods})
    state.complete(list, 0);
  minutes(30);
  EXPECT_THAT(out, ElementsAre("GPUQuotaTooSmall firing 2"));
  state.complete(ClusterList::Quotas, 0);
  minutes(5);
  EXPECT_THAT(out, ElementsAre("GPUQuotaTooSmall firing 2", "GPUQuotaTooSmall resolved 2")) << "it was removed";
}

}  // namespace
}  // namespace tessera::fleet::alerts
