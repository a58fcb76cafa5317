#include "server/cost/live.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/cluster/cluster_state.h"
#include "server/cost/costs.h"
#include "server/cost/told_history.h"

namespace tessera::server {
namespace {
using fleet::CostKind;

constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute;

struct LiveCostTest : testing::Test {
  LiveCostTest() {
    options.settings.owners = {{fleet::OwnerField::Team, "ml", "", "vision"},
                               {fleet::OwnerField::Team, "serving", "", "chat"},
                               {fleet::OwnerField::Project, "serving", "", "bot"}};
    options.owners = owner_rules(options.settings, {"team"}, {});
  }
  void tell(const std::string& page, EpochMs now = kStart + kMinute) {
    history.scrape("w1", now - kMinute, now, [&](EpochMs) { return page; });
    history.publish(now);
  }

  ToldHistory history;
  CostsOptions options;
};

TEST_F(LiveCostTest, IsThatOfAllDevicesSharedOutAsTheLedgerDoesIt) {
  tell(two_boards(0.5, "train-0"));
  Costs costs(options, history.published, history.readers);
  const auto hour = costs.hourly();
  EXPECT_EQ(*fleet::total(hour->all), 14 * fleet::kUnit);
  EXPECT_EQ((hour->owned.at({"vision", ""})), 8 * fleet::kUnit);
  EXPECT_EQ((hour->owned.at({"chat", "bot"})), 1'714'285) << "two slices of seven of 6.00";
  EXPECT_NEAR(static_cast<double>(hour->all.of(CostKind::Used)), 4'428'571, 1);
  EXPECT_EQ(hour->all.of(CostKind::Unallocated), 6'000'000 - 1'714'285);
}

TEST_F(LiveCostTest, ASilentDeviceIsUnobservedUntilItCostsNothing) {
  tell(two_boards(0.5, "train-0"));
  history.publish(kStart + 30 * kMinute);
  EXPECT_EQ(Costs(options, history.published, history.readers).hourly()->all.of(CostKind::Unobserved),
            14 * fleet::kUnit);
  history.publish(kStart + 25 * 60 * kMinute);
  EXPECT_EQ(*fleet::total(Costs(options, history.published, history.readers).hourly()->all), 0);
}

TEST_F(LiveCostTest, AChangeIsToldOnce) {
  tell(two_boards(0.5, "train-0"));
  Costs costs(options, history.published, history.readers);
  const auto first = costs.changes();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].kind, fleet::ChangeKind::CostRate);
  EXPECT_EQ(first[0].cost->all, 14 * fleet::kUnit);
  EXPECT_EQ(first[0].cost->allocated, 8'000'000 + 1'714'285);
  EXPECT_TRUE(costs.changes().empty());
}

TEST_F(LiveCostTest, ASharedDeviceIsPaidByReplica) {
  const std::string of = R"(gpu="0",UUID="GPU-0",resource="nvidia.com/gpu.shared",share="shared",container="c")";
  const std::string page =
      "gpu_up{gpu=\"0\",UUID=\"GPU-0\"} 1\ngpu_device_info{gpu=\"0\",UUID=\"GPU-0\",model=\"NVIDIA H100 80GB HBM3\"} "
      "1\ngpu_allocation_info{" +
      of + ",replicas=\"1\",pod=\"a\",namespace=\"ml\",pod_uid=\"u1\"} 1\ngpu_allocation_info{" + of +
      ",replicas=\"1\",pod=\"b\",namespace=\"serving\",pod_uid=\"u2\"} 1\n";
  tell(page);
  const auto halves = Costs(options, history.published, history.readers).hourly();
  EXPECT_EQ((halves->owned.at({"vision", ""})), 4 * fleet::kUnit) << "nobody tells how many there are";
  fleet::ClusterState cluster("default", {"team"});
  fleet::ClusterNode node;
  node.name = "w1";
  node.labels = {{"nvidia.com/gpu.replicas", "4"}};
  cluster.put(node);
  for (std::size_t list = 0; list < fleet::kClusterLists; ++list)
    cluster.complete(static_cast<fleet::ClusterList>(list), 0);
  history.cluster = cluster.view();
  tell(page, kStart + 2 * kMinute);
  const auto quarters = Costs(options, history.published, history.readers).hourly();
  EXPECT_EQ((quarters->owned.at({"vision", ""})), 2 * fleet::kUnit);
  EXPECT_EQ((quarters->owned.at({"chat", "bot"})), 2 * fleet::kUnit);
  EXPECT_EQ(quarters->all.of(CostKind::Unallocated), 4 * fleet::kUnit);
}

}  // namespace
}  // namespace tessera::server
