#include "fleet/inventory/parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/groups.h"
#include "fleet/inventory/pods.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;

/// A board with a 2g and a 1g; a pod holds the 2g and has a process there.
constexpr std::string_view kCut = R"(
gpu_up{gpu="0",UUID="GPU-1"} 1
gpu_device_info{gpu="0",UUID="GPU-1",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_device_compute_slices{gpu="0",UUID="GPU-1"} 7
gpu_instance_info{gpu="0_3_0",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",GPU_I_PROFILE="2g.20gb",mig_uuid="MIG-a"} 1
gpu_instance_info{gpu="0_9_0",UUID="GPU-1",GPU_I_ID="9",GPU_CI_ID="0",GPU_I_PROFILE="1g.10gb",mig_uuid="MIG-b"} 1
gpu_allocation_info{gpu="0",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",resource="nvidia.com/mig-2g.20gb",share="exclusive",pod="llm",namespace="serving",container="main",pod_uid="u1"} 1
gpu_process_info{gpu="0",UUID="GPU-1",GPU_I_ID="3",GPU_CI_ID="0",pid="7",command="python3",status="active",attribution="unnamed",pod="",namespace="",container="",pod_uid="u1"} 1
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-1",GPU_I_ID="3",GPU_I_PROFILE="2g.20gb"} 0.6
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-1",GPU_I_ID="9",GPU_I_PROFILE="1g.10gb"} 0.001
)";

std::string foreign(double util) {
  return fmt::format("DCGM_FI_DEV_GPU_UTIL{{gpu=\"0\",UUID=\"GPU-2\",pod=\"p\",namespace=\"ml\",container=\"c\"}} {}\n",
                     util);
}

TEST(UseOf, IsOfEachPart) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", std::string(kCut));
  const auto view = told.fleet.publish(kStart);
  const Device& device = device_of(*view, 0);
  const auto parts = parts_of(device);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(use_of(device, parts[0]).use, Use::Active);
  EXPECT_EQ(use_of(device, parts[1]).use, Use::Free);
  EXPECT_EQ(use_of(device).use, Use::Active);
  EXPECT_EQ(profile_of(device, parts[0].part), "2g.20gb");
}

TEST(UseOf, IsIdleAfterTenQuietMinutes) {
  ToldPages told;
  const auto use_at = [&](EpochMs minutes, double util) {
    const EpochMs now = kStart + minutes * 60'000;
    told.scrape(now, R"(node="a")", foreign(util));
    return use_of(device_of(*told.fleet.publish(now), 0));
  };
  EXPECT_EQ(use_at(0, 40).use, Use::Active);
  EXPECT_EQ(use_at(1, 0).use, Use::Active) << "quiet, but not for long";
  EXPECT_EQ(use_at(10, 0.5).use, Use::Active);
  const UseSince idle = use_at(11, 0);
  EXPECT_EQ(idle.use, Use::Idle);
  EXPECT_EQ(idle.idle_since, kStart + 60'000);
  EXPECT_EQ(use_at(12, 1).use, Use::Active);
  told.fleet.advance(kStart + 20 * 60'000);
  EXPECT_EQ(use_of(device_of(*told.fleet.publish(0), 0)).use, Use::Unknown);
}

TEST(PodsOf, JoinsHolderAndProcessByUid) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", std::string(kCut));
  const auto view = told.fleet.publish(kStart);
  const auto pods = pods_of(node_of(*view));
  ASSERT_EQ(pods.size(), 1U);
  const Pod& pod = pods[0];
  EXPECT_EQ(pod.name, "llm");
  EXPECT_EQ(pod.sessions, 1U);
  ASSERT_EQ(pod.parts.size(), 1U);
  EXPECT_TRUE(pod.parts[0].held);
  EXPECT_EQ(pod.parts[0].used, true);
  EXPECT_THAT(pod.parts[0].containers, testing::ElementsAre("main"));
  ASSERT_TRUE(pod.utilization.device());
  EXPECT_NEAR(pod.utilization.allocated()->ratio, 0.6, 1e-9);
  EXPECT_NEAR(pod.utilization.device()->ratio, 0.6 * 2 / 7, 1e-9);
}

TEST(GroupsOf, AreWhatTheirPartsAre) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", std::string(kCut));
  told.scrape(kStart, R"(node="b")", foreign(50));
  const auto view = told.fleet.publish(kStart);
  struct Case {
    GroupBy by;
    std::vector<std::string> keys;
    std::vector<std::uint64_t> parts;
  };
  const Case kCases[] = {{GroupBy::Fleet, {"fleet"}, {3}},
                         {GroupBy::Cluster, {"default"}, {3}},
                         {GroupBy::Node, {"a", "b"}, {2, 1}},
                         {GroupBy::Namespace, {"ml", "serving"}, {1, 1}},
                         {GroupBy::Pod, {"ml/p", "serving/llm"}, {1, 1}},
                         {GroupBy::Profile, {"H100_1G10GB", "H100_2G20GB"}, {1, 1}}};
  for (const Case& c : kCases) {
    std::vector<std::string> keys;
    std::vector<std::uint64_t> parts;
    for (const Group& group : groups_of(*view, {c.by, {}, {}, {}})) {
      keys.push_back(group.key);
      parts.push_back(group.parts);
      const auto allocated = group.utilization.allocated(), device = group.utilization.device();
      ASSERT_TRUE(allocated && device) << group.key;
      EXPECT_NEAR(device->ratio,
                  allocated->ratio * group.utilization.allocated_weight() / group.utilization.device_weight(), 1e-9)
          << group.key;
    }
    EXPECT_EQ(keys, c.keys);
    EXPECT_EQ(parts, c.parts);
  }
}

TEST(SessionId, IsOfOneProcessOnOnePart) {
  Session session;
  SessionFacts facts;
  facts.pid = 7;
  session.facts = std::make_shared<const SessionFacts>(facts);
  session.start = kStart;
  const std::string id = session_id("default", "GPU-1", session);
  EXPECT_EQ(id.size(), 16U);
  EXPECT_EQ(session_id("default", "GPU-1", session), id);
  EXPECT_NE(session_id("other", "GPU-1", session), id);
  Session later = session;
  later.start = kStart + 5'000;
  EXPECT_NE(session_id("default", "GPU-1", later), id) << "a pid that is used again";
  Session beside = session;
  beside.part.gpu_instance = 3;
  EXPECT_NE(session_id("default", "GPU-1", beside), id);
}

}  // namespace
}  // namespace tessera::fleet
