#include "server/advice/shortages.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/advice/advice.h"

namespace tessera::server {
namespace {
using store::QuotaSeen;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour, kNow = 20'000 * kDay;
constexpr const char* kGpu = "nvidia.com/gpu";

std::string event(const std::string& message, const std::string& times = R"("lastTimestamp":"2024-10-04T00:00:00Z")") {
  return fmt::format(R"({{"metadata":{{"name":"x","namespace":"ml"}},"involvedObject":{{"kind":"ReplicaSet",)"
                     R"("namespace":"ml","name":"chat-6d4"}},"reason":"FailedCreate","message":"{}",{}}})",
                     message, times);
}
std::string refused(const std::string& requested = "requests.nvidia.com/gpu=2",
                    const std::string& limited = "requests.nvidia.com/gpu=4") {
  return fmt::format(
      R"(Error creating: pods \"chat-6d4-x2x\" is forbidden: exceeded quota: gpus, requested: {}, used: {}, limited: {})",
      requested, limited, limited);
}

TEST(QuotaRefusal, IsReadOfWhatControllersTell) {
  const QuotaRefusal wanted{"ml", "ReplicaSet/chat-6d4", "gpus", kGpu, 2, 4, 1'728'000'000'000};
  EXPECT_EQ(read_refusal(event(refused())), wanted);
  EXPECT_EQ(read_refusal(event("(combined from similar events): " + refused())), wanted);
  EXPECT_EQ(
      read_refusal(event(refused("requests.nvidia.com/mig-1g.10gb=1", "requests.nvidia.com/mig-1g.10gb=7")))->resource,
      "nvidia.com/mig-1g.10gb");
}

TEST(QuotaRefusal, IsOfTheLastTimeThatItWasTold) {
  EXPECT_EQ(read_refusal(event(refused(), R"("lastTimestamp":null,"eventTime":"2024-10-04T00:00:00.5Z")"))->at,
            1'728'000'000'500);
  EXPECT_EQ(read_refusal(event(refused(), R"("eventTime":"2024-10-04T00:00:00Z","series":{"count":7,)"
                                          R"("lastObservedTime":"2024-10-04T00:10:00.000000Z"})"))
                ->at,
            1'728'000'600'000);
}

TEST(QuotaRefusal, IsNoneWhereMoreGpusWouldNotLetThePodIn) {
  for (const std::string& other :
       {refused("requests.cpu=4", "requests.cpu=8"),
        refused("requests.cpu=4,requests.nvidia.com/gpu=2", "requests.cpu=8,requests.nvidia.com/gpu=4"),
        refused("requests.nvidia.com/gpu=2", "pods=4"), refused("requests.nvidia.com/gpu=x"),
        std::string("exceeded quota: gpus"), std::string("pods \\\"a\\\" is forbidden: violates PodSecurity")})
    EXPECT_FALSE(read_refusal(event(other))) << other;
  EXPECT_FALSE(read_refusal("exceeded quota: "));
}

/// Two nodes with four GPUs each; ml may have four and has four, web may have eight and has two.
struct ShortagesTest : testing::Test {
  ShortagesTest() {
    cluster.watched = cluster.synced = cluster.quotas_synced = true;
    cluster.cluster = "c";
    for (const char* name : {"w1", "w2"}) {
      fleet::ClusterNode one;
      one.name = name;
      one.ready = true;
      one.taints = {{kGpu, "", "NoSchedule"}};
      one.allocatable = {{kGpu, 4}};
      put(cluster.nodes, one.name, one);
    }
    pod("a", "w1", 4);
    pod("b", "w2", 2);
    quota("ml", "gpus", 4, 4);
    quota("web", "gpus", 8, 2);
  }
  template <class T>
  static void put(fleet::ClusterView::ByName<T>& into, const std::string& key, const T& one) {
    into[key] = std::make_shared<const T>(one);
  }
  void pod(const std::string& name, const std::string& node, std::int64_t gpus) {
    fleet::ClusterPod one;
    one.space = "ml";
    one.name = name;
    one.node = node;
    one.requests = {{kGpu, gpus}};
    put(cluster.pods, name, one);
  }
  void quota(const std::string& space, const std::string& name, std::int64_t hard, std::int64_t used) {
    put(cluster.quotas, space + '/' + name, fleet::ClusterQuota{space, name, {{kGpu, hard}}, {{kGpu, used}}, scoped});
  }
  void node(const std::function<void(fleet::ClusterNode&)>& change) {
    fleet::ClusterNode one = *cluster.nodes["w2"];
    change(one);
    put(cluster.nodes, "w2", one);
  }
  QuotaRefusal refusal(std::int64_t requested = 1, const std::string& maker = "ReplicaSet/a") const {
    return {"ml", maker, "gpus", kGpu, requested, 4, kNow};
  }
  /// How many more ml would have.
  std::int64_t wanted(const std::vector<QuotaRefusal>& standing) {
    for (const QuotaSeen& one : quotas_seen(cluster, standing, kNow, kNow + kMinute)) {
      EXPECT_EQ(one.looked_ms, kMinute);
      EXPECT_EQ(one.refused_ms, one.wanted_most > 0 ? kMinute : 0);
      if (one.space == "ml") return one.wanted_most;
    }
    return -1;
  }
  std::vector<fleet::advice::QuotaShortage> shortages(const std::vector<QuotaSeen>& seen) {
    return shortages_of(cluster, seen, kNow - 14 * kDay, kNow, [](const auto&) { return 8 * fleet::kUnit; });
  }
  /// Looked at in each hour of so many days; refused two in the first two hours of each day.
  std::vector<QuotaSeen> looks(double days, std::int64_t hard = 4) const {
    std::vector<QuotaSeen> out;
    for (EpochMs hour = kNow - static_cast<EpochMs>(days * static_cast<double>(kDay)); hour < kNow; hour += kHour) {
      const bool is_refused = hour % kDay < 2 * kHour;
      out.push_back({hour, "c", "ml", "gpus", kGpu, hard, kHour, is_refused ? kHour : 0, is_refused ? 2 : 0});
    }
    return out;
  }
  bool scoped = false;
  fleet::ClusterView cluster;
};

TEST_F(ShortagesTest, AreWhatIsRefusedAndTheFleetHasRoomFor) {
  EXPECT_EQ(wanted({}), 0);
  EXPECT_EQ(wanted({refusal()}), 1);
  EXPECT_EQ(wanted({refusal(), refusal(1, "Job/b")}), 2);
  EXPECT_EQ(wanted({refusal(2), refusal(2, "Job/b")}), 2) << "there are no more";
  EXPECT_EQ(wanted({refusal(4)}), 0) << "no node has four free";
  EXPECT_EQ(wanted({refusal(4), refusal(1, "Job/b")}), 1) << "the larger one would not be let in beside it";
  quota("ml", "gpus", 4, 3);
  EXPECT_EQ(wanted({refusal(2)}), 1) << "one is left to it";
}

TEST_F(ShortagesTest, OfOneThatWasLoweredBeneathWhatIsUsedLetSomebodyInAsWell) {
  quota("ml", "gpus", 4, 6);
  EXPECT_EQ(wanted({refusal()}), 3) << "with seven there is room for one beside the six";
  EXPECT_EQ(wanted({refusal(), refusal(1, "Job/b")}), 4);
}

TEST_F(ShortagesTest, AreNoneWhereTheFleetHasNoRoom) {
  pod("c", "w2", 2);
  EXPECT_EQ(wanted({refusal()}), 0);
}

TEST_F(ShortagesTest, WhatOthersWaitForIsTheirs) {
  pod("waits", "", 1);
  EXPECT_EQ(wanted({refusal(), refusal(1, "Job/b")}), 1);
  pod("waits-too", "", 1);
  EXPECT_EQ(wanted({refusal()}), 0);
}

TEST_F(ShortagesTest, ANodeThatTakesNobodyHasNoRoom) {
  node([](fleet::ClusterNode& one) { one.cordoned = true; });
  EXPECT_EQ(wanted({refusal()}), 0);
  node([](fleet::ClusterNode& one) { one.cordoned = false, one.ready.reset(); });
  EXPECT_EQ(wanted({refusal()}), 0);
  node([](fleet::ClusterNode& one) { one.ready = true, one.taints.push_back({"team", "web", "NoSchedule"}); });
  EXPECT_EQ(wanted({refusal()}), 0);
  node([](fleet::ClusterNode& one) { one.taints.pop_back(); });
  EXPECT_EQ(wanted({refusal()}), 1);
}

TEST_F(ShortagesTest, WhatWouldBeLetInByNowIsRefusedNoLonger) {
  quota("ml", "gpus", 4, 3);
  EXPECT_EQ(wanted({refusal()}), 0);
  quota("ml", "gpus", 5, 5);
  EXPECT_EQ(wanted({refusal()}), 0) << "it was refused by a quota of four";
}

TEST_F(ShortagesTest, AreNotToldWhereAnotherQuotaMayBeInTheWay) {
  quota("ml", "more", 4, 4);
  EXPECT_EQ(wanted({refusal()}), -1);
  cluster.quotas.erase("ml/more");
  scoped = true;
  quota("ml", "gpus", 4, 4);
  EXPECT_EQ(wanted({refusal()}), -1) << "of some of the pods alone";
}

TEST_F(ShortagesTest, AreNotLookedForWhereQuotasAreNotTold) {
  cluster.quotas_synced = false;
  EXPECT_THAT(quotas_seen(cluster, {refusal()}, kNow, kNow + kMinute), IsEmpty());
}

TEST_F(ShortagesTest, AddUpByDay) {
  const auto list = shortages(looks(14));
  ASSERT_THAT(list, SizeIs(1));
  const auto& one = list.front();
  EXPECT_EQ(one.hard, 4);
  EXPECT_DOUBLE_EQ(one.observed, 1);
  EXPECT_EQ(one.to - one.from, 14 * kDay);
  EXPECT_THAT(one.days, SizeIs(14));
  EXPECT_EQ(one.days.front().refused, Milliseconds(2 * kHour));
  EXPECT_EQ(one.days.front().wanted, 2);
  EXPECT_EQ(one.refused_last, kNow - kDay + 2 * kHour);
  EXPECT_EQ(one.unused_elsewhere, 6);
  EXPECT_EQ(one.per_hour, 8 * fleet::kUnit);
  fleet::advice::Facts facts;
  facts.shortages = list;
  EXPECT_THAT(fleet::advice::advise(facts), SizeIs(1));
}

TEST_F(ShortagesTest, BeginAnewWhereTheQuotaWasChanged) {
  auto seen = looks(14, 3);
  const auto since = looks(5);
  seen.erase(seen.end() - static_cast<std::ptrdiff_t>(since.size()), seen.end());
  seen.insert(seen.end(), since.begin(), since.end());
  const auto list = shortages(seen);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_EQ(list.front().from, kNow - 5 * kDay);
  EXPECT_THAT(list.front().days, SizeIs(5));
}

TEST_F(ShortagesTest, HoursThatNobodyLookedAtAreNotObserved) {
  auto seen = looks(14);
  seen.erase(seen.begin() + 24, seen.begin() + 5 * 24);
  const auto list = shortages(seen);
  ASSERT_THAT(list, SizeIs(1));
  EXPECT_NEAR(list.front().observed, 10.0 / 14, 1e-9);
  seen.resize(seen.size() - 24);
  EXPECT_EQ(shortages(seen).front().told_until, kNow - kDay);
}

TEST_F(ShortagesTest, OfAQuotaThatIsGoneNothingIsTold) {
  cluster.quotas.erase("ml/gpus");
  EXPECT_THAT(shortages(looks(14)), IsEmpty());
}

}  // namespace
}  // namespace tessera::server
