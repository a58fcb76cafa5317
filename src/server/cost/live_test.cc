#include "server/cost/live.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <tuple>

#include "fleet/cluster/cluster_state.h"
#include "server/cost/costs.h"
#include "server/cost/told_history.h"
#include "store/cost_bucket.h"

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

/// On a board that is shared into four, of which one is held, on one that nobody holds and on one that is cut.
std::string boards_with_host_processes() {
  std::string page = two_boards(0.5, "train-0");
  const auto add = [&](const std::string& series) { page += series + '\n'; };
  add(R"(gpu_allocation_info{gpu="0",UUID="GPU-0",resource="nvidia.com/gpu.shared",share="shared",replicas="1",pod="b",namespace="serving",container="c",pod_uid="u2"} 1)");
  add(R"(gpu_up{gpu="2",UUID="GPU-2"} 1)");
  add(R"(gpu_device_info{gpu="2",UUID="GPU-2",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="0"} 1)");
  add(R"(DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="2",UUID="GPU-2"} 0.25)");
  for (const char* of : {R"(gpu="0",UUID="GPU-0")", R"(gpu="1",UUID="GPU-1")", R"(gpu="2",UUID="GPU-2")"})
    add(fmt::format(
        R"(gpu_process_info{{{},pid="7",command="nvidia-cuda-mps",type="M+C",attribution="host",pod="unknown",namespace="unknown"}} 1)",
        of));
  return page;
}

TEST_F(LiveCostTest, ProcessesOutsideOfPodsHoldNothingAndTheLedgerSaysTheSame) {
  const std::string page = boards_with_host_processes();
  constexpr EpochMs kEnd = kStart + 30 * kMinute;
  history.scrape("w1", kStart, kEnd, [&](EpochMs) { return page; });
  history.keep(kEnd);
  const auto view = history.published.get()->view;
  ASSERT_EQ(view->nodes.at(0)->devices.at(2).sessions.size(), 1U);
  const auto rates = *fleet::RateBook::of(fleet::default_rates());
  store::CostRules rules{.rates = rates};
  rules.replicas_of = [](const store::CostPart& part, EpochMs) { return part.device_uuid == "GPU-0" ? 4 : 1; };
  using Line = std::tuple<std::string, std::string, CostKind>;  // device, pod
  const auto lines = [](const std::vector<store::CostPosting>& of) {
    std::map<Line, std::int64_t> out;
    for (const auto& one : of)
      out[{one.subject.device_uuid, one.owner ? one.owner->pod : "-", one.kind}] += one.amount.device_ms;
    return out;
  };
  const auto live = lines(hourly_costs(*view, rules));
  const auto closed = lines(*store::cost_of_bucket(*history.database, kStart + 15 * kMinute, rules));
  ASSERT_EQ(live.size(), closed.size());
  for (const auto& [line, ms] : live) {
    ASSERT_TRUE(closed.contains(line)) << std::get<0>(line) << ' ' << std::get<1>(line);
    EXPECT_NEAR(static_cast<double>(ms), static_cast<double>(closed.at(line)) * 4, 60) << std::get<1>(line);
  }
  constexpr std::int64_t kHour = 60 * kMinute;
  EXPECT_EQ((live.at({"GPU-2", "", CostKind::Used})), kHour / 4);
  EXPECT_EQ((live.at({"GPU-2", "-", CostKind::Unallocated})), 3 * kHour / 4);
  EXPECT_EQ((live.at({"GPU-0", "-", CostKind::Unallocated})), kHour / 2) << "two replicas of four";
  EXPECT_NEAR(static_cast<double>(live.at({"GPU-1", "-", CostKind::Unallocated})), 5.0 / 7 * kHour, 2);
}

}  // namespace
}  // namespace tessera::server
