#include "fleet/inventory/fleet.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using gpu::Reading;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000;
constexpr EpochMs kSecond = 1'000;
const std::string kAgent = R"(job="tessera-agent",node="a")";
const std::string kDcgm = R"(job="dcgm-exporter",node="a")";

// A device without MIG, held and used by a pod, as the agent tells of it.
const std::string kTrainer = R"(
gpu_device_info{gpu="0",UUID="GPU-1",Hostname="x",pci_bus_id="00000000:07:00.0",model="NVIDIA H100 80GB HBM3",architecture="Hopper",DCGM_FI_DRIVER_VERSION="550.54.15",DCGM_FI_DEV_MIG_MODE="0"} 1
gpu_device_compute_slices{gpu="0",UUID="GPU-1",Hostname="x"} 7
gpu_device_memory_bytes{gpu="0",UUID="GPU-1",Hostname="x"} 85520809984
tessera_agent_device_up{gpu="0",UUID="GPU-1",Hostname="x"} 1
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",modelName="NVIDIA H100 80GB HBM3",Hostname="x",container="main",namespace="ml",pod="trainer-0",pod_uid="u-1"} 80
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-1",modelName="NVIDIA H100 80GB HBM3",Hostname="x",container="main",namespace="ml",pod="trainer-0",pod_uid="u-1"} 42584
gpu_allocation_info{gpu="0",resource="nvidia.com/gpu",share="exclusive",UUID="GPU-1",Hostname="x",container="main",namespace="ml",pod="trainer-0",pod_uid="u-1"} 1
gpu_allocation_used{gpu="0",resource="nvidia.com/gpu",UUID="GPU-1",Hostname="x",container="main",namespace="ml",pod="trainer-0",pod_uid="u-1"} 1
gpu_process_info{gpu="0",pid="4101",command="python3",pod="trainer-0",namespace="ml",container="main",status="active",type="C",attribution="pod",UUID="GPU-1",Hostname="x",pod_uid="u-1"} 1
gpu_process_start_time_seconds{gpu="0",pid="4101",command="python3",pod="trainer-0",namespace="ml",container="main",UUID="GPU-1",Hostname="x",pod_uid="u-1"} 1799999000
gpu_process_memory_used_bytes{gpu="0",pid="4101",command="python3",pod="trainer-0",namespace="ml",container="main",UUID="GPU-1",Hostname="x",pod_uid="u-1"} 44023414784
gpu_process_utilization{gpu="0",pid="4101",command="python3",pod="trainer-0",namespace="ml",container="main",UUID="GPU-1",Hostname="x",pod_uid="u-1"} 70
)";

const std::string kTrainerIdle = R"(
gpu_device_info{gpu="0",UUID="GPU-1",Hostname="x",pci_bus_id="00000000:07:00.0",model="NVIDIA H100 80GB HBM3",architecture="Hopper",DCGM_FI_DRIVER_VERSION="550.54.15",DCGM_FI_DEV_MIG_MODE="0"} 1
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",modelName="NVIDIA H100 80GB HBM3",Hostname="x"} 0
gpu_process_info{gpu="0",status="idle",UUID="GPU-1",Hostname="x"} 1
)";

// A device in MIG mode: a 3g with a pod, and a free 2g. Device-level fields repeat on each instance.
const std::string kCut = R"(
gpu_device_info{gpu="1",UUID="GPU-2",Hostname="x",model="NVIDIA H100 80GB HBM3",DCGM_FI_DEV_MIG_MODE="1"} 1
gpu_instance_info{gpu="1_2_0",GPU_I_PROFILE="3g.40gb",GPU_I_ID="2",UUID="GPU-2",Hostname="x",GPU_CI_ID="0",mig_uuid="MIG-a",start="4",size="4"} 1
gpu_instance_info{gpu="1_3_0",GPU_I_PROFILE="2g.20gb",GPU_I_ID="3",UUID="GPU-2",Hostname="x",GPU_CI_ID="0",mig_uuid="MIG-b",start="0",size="2"} 1
gpu_instance_compute_slices{gpu="1_2_0",GPU_I_PROFILE="3g.40gb",GPU_I_ID="2",UUID="GPU-2",Hostname="x",GPU_CI_ID="0"} 3
gpu_instance_sm_count{gpu="1_2_0",GPU_I_PROFILE="3g.40gb",GPU_I_ID="2",UUID="GPU-2",Hostname="x",GPU_CI_ID="0"} 60
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-2",GPU_I_PROFILE="3g.40gb",GPU_I_ID="2",Hostname="x"} 0.9
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-2",GPU_I_PROFILE="2g.20gb",GPU_I_ID="3",Hostname="x"} 0.1
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-2",GPU_I_PROFILE="3g.40gb",GPU_I_ID="2",Hostname="x"} 400
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-2",GPU_I_PROFILE="2g.20gb",GPU_I_ID="3",Hostname="x"} 400
gpu_profile_info{gpu="1",profile="2g.20gb",profile_id="14",compute_slices="2",sm_count="32",memory_mib="20096",max_instances="3",placements="0:2,2:2,4:2",UUID="GPU-2",Hostname="x"} 1
)";

TEST(Fleet, KnowsItsPoolAlone) {
  const std::string page = R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",Hostname="x"} 1
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2",Hostname="x"} 1
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-1",Hostname="x"} 40
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-3",Hostname="y"} 1
)";
  const auto known = [&](FleetOptions options) {
    ToldPages told(std::move(options));
    told.scrape(kStart, "", page);
    std::string out;
    const auto view = told.fleet.publish(kStart);
    for (const auto& node : view->nodes)
      for (const Device& device : node->devices) out += device.facts->uuid + " ";
    return out;
  };
  EXPECT_EQ(known({}), "GPU-1 GPU-2 GPU-3 ");
  EXPECT_EQ(known({.nodes = {"y"}}), "GPU-3 ");
  EXPECT_EQ(known({.max_devices = 1}), "GPU-1 ");
}

TEST(Fleet, AnIdleRowTellsOfADeviceAndOfNoSession) {
  ToldPages told;
  told.scrape(kStart, "", "gpu_process_info{gpu=\"3\",pid=\"\",status=\"idle\",UUID=\"GPU-i\",Hostname=\"x\"} 1\n");
  const auto view = told.fleet.publish(kStart);
  EXPECT_EQ(device_of(*view, 3).facts->uuid, "GPU-i");
  EXPECT_TRUE(device_of(*view, 3).sessions.empty());
  told.scrape(kStart + 1'000, "", "");
  EXPECT_EQ(device_of(*told.fleet.publish(kStart + 1'000), 3).presence, Presence::Present) << "it is in use, maybe";
}

TEST(Fleet, LearnsADeviceFromTheAgentsPage) {
  ToldPages told;
  told.scrape(kStart, kAgent, kTrainer);
  const auto view = told.fleet.publish(kStart);
  const Node& node = node_of(*view);
  EXPECT_EQ(node.cluster, "default");
  EXPECT_EQ(node.name, "a") << "discovery's word stands above Hostname, which may be a pod's";
  const Device& device = device_of(*view, 0);
  EXPECT_EQ(device_id(node.name, device.facts->index), "a-GPU-00");
  EXPECT_EQ(device.facts->uuid, "GPU-1");
  EXPECT_EQ(device.facts->name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(device.facts->compute_slices, 7U);
  EXPECT_EQ(device.facts->mig_enabled, false);
  EXPECT_EQ(device.up, true);
  EXPECT_EQ(device.readings[Reading::GpuUtilPercent], 80);
  EXPECT_EQ(device.readings[Reading::MemoryUsedBytes], 42584.0 * 1024 * 1024);
  EXPECT_EQ(device.readings[Reading::PowerWatts], std::nullopt) << "absent is absent";

  ASSERT_THAT(device.sessions, SizeIs(1));
  const Session& session = device.sessions[0];
  EXPECT_EQ(session.facts->pid, 4101U);
  EXPECT_EQ(session.facts->workload, (Workload{"ml", "trainer-0", "main", "u-1"}));
  EXPECT_EQ(session.start, 1'799'999'000'000);
  EXPECT_EQ(session.peak_memory_bytes, 44023414784U);
  EXPECT_EQ(session.util_percent, 70);

  ASSERT_THAT(device.allocations, SizeIs(1)) << "the pod labels of DCGM's series tell the same once more";
  EXPECT_EQ(device.allocations[0].facts->resource, "nvidia.com/gpu");
  EXPECT_EQ(device.allocations[0].used, true);
}

TEST(Fleet, WhatIsAboveTheWholeIsTheWhole) {
  constexpr const char* kAbove = R"(
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",Hostname="x"} 103
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",UUID="GPU-1",Hostname="x"} 1.0004
DCGM_FI_PROF_SM_ACTIVE{gpu="0",UUID="GPU-1",Hostname="x"} 1
DCGM_FI_DEV_GPU_TEMP{gpu="0",UUID="GPU-1",Hostname="x"} 103
gpu_process_info{gpu="0",pid="4101",command="python3",status="active",type="C",attribution="host",UUID="GPU-1",Hostname="x"} 1
gpu_process_utilization{gpu="0",pid="4101",command="python3",UUID="GPU-1",Hostname="x"} 120
)";
  ToldPages told;
  told.scrape(kStart, kAgent, kAbove);
  const auto view = told.fleet.publish(kStart);
  const Device& device = device_of(*view, 0);
  EXPECT_EQ(device.readings[Reading::GpuUtilPercent], 100);
  EXPECT_EQ(device.readings[Reading::GraphicsEngineActiveRatio], 1);
  EXPECT_EQ(device.readings[Reading::TemperatureCelsius], 103);
  ASSERT_THAT(device.sessions, SizeIs(1));
  EXPECT_EQ(device.sessions[0].util_percent, 100);
  EXPECT_EQ(told.fleet.clamped(), 3U);
}

TEST(Fleet, KeepsInstancesApartFromTheirDevice) {
  ToldPages told;
  told.scrape(kStart, kAgent, kCut);
  const auto view = told.fleet.publish(kStart);
  const Device& device = device_of(*view, 1);
  EXPECT_EQ(device.readings[Reading::PowerWatts], 400) << "of the whole device, whichever instance repeats it";
  EXPECT_EQ(device.readings[Reading::GraphicsEngineActiveRatio], std::nullopt);
  const auto listed = listed_instances(device);
  ASSERT_THAT(listed, SizeIs(2));
  EXPECT_EQ(listed[0].instance->part, (Part{2, 0}));
  EXPECT_EQ(listed[0].instance->facts->uuid, "MIG-a");
  EXPECT_EQ(listed[0].instance->facts->placement, (gpu::Placement{4, 4}));
  EXPECT_EQ(listed[0].instance->facts->sm_count, 60U);
  EXPECT_EQ((*listed[0].readings)[Reading::GraphicsEngineActiveRatio], 0.9);
  EXPECT_EQ(listed[1].instance->facts->compute_slices, 2U) << "by its name, where no series tells";
  ASSERT_TRUE(device.facts->profiles);
  EXPECT_EQ(device.facts->profiles->at(0).placements.size(), 3U);

  std::string renamed(kCut);
  renamed.replace(renamed.find("profile=\"2g.20gb\""), 17, "profile=\"2g.21gb\"");
  told.scrape(kStart + 15'000, kAgent, renamed);
  const auto later = told.fleet.publish(kStart + 15'000);
  ASSERT_THAT(*device_of(*later, 1).facts->profiles, SizeIs(device.facts->profiles->size()))
      << "the driver has one profile of a number";
  EXPECT_EQ(device_of(*later, 1).facts->profiles->at(0).name, "2g.21gb");
}

TEST(Fleet, AForeignExportersFleetIsAFleetToo) {
  // dcgm-exporter 3.x: `hostname`, old pod labels; no sessions, no geometry.
  ToldPages told;
  told.scrape(kStart, R"(job="gpu",instance="10.0.0.7:9400")", R"(
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-9",modelName="Tesla T4",hostname="b",pod_name="p",pod_namespace="n",container_name="c"} 30
DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="1",UUID="GPU-8",modelName="NVIDIA A100-SXM4-80GB",GPU_I_PROFILE="1g.10gb",GPU_I_ID="7",hostname="b"} 0.5
)");
  const auto view = told.fleet.publish(kStart);
  EXPECT_EQ(node_of(*view).name, "b");
  const Device& t4 = device_of(*view, 0);
  ASSERT_THAT(t4.allocations, SizeIs(1));
  EXPECT_EQ(t4.allocations[0].facts->workload, (Workload{"n", "p", "c", ""}));
  EXPECT_EQ(t4.allocations[0].facts->resource, "");
  const auto listed = listed_instances(device_of(*view, 1));
  ASSERT_THAT(listed, SizeIs(1));
  EXPECT_EQ(listed[0].instance->facts->compute_slices, 1U);
  EXPECT_EQ((*listed[0].readings)[Reading::GraphicsEngineActiveRatio], 0.5);
}

TEST(Fleet, AnExportersOwnPodHoldsNoGpu) {
  ToldPages told;
  // A Prometheus that does not honour labels: the exporter's word is in exported_*, and where it has none the target's
  // own labels stand alone.
  told.scrape(kStart, R"(job="dcgm",node="a",pod="dcgm-exporter-x",namespace="monitoring",container="exporter")", R"(
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",exported_pod="train",exported_namespace="ml",exported_container="main"} 30
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2"} 0
)");
  const auto view = told.fleet.publish(kStart);
  ASSERT_THAT(device_of(*view, 0).allocations, SizeIs(1));
  EXPECT_EQ(device_of(*view, 0).allocations[0].facts->workload.pod, "train");
  EXPECT_THAT(device_of(*view, 1).allocations, IsEmpty());
}

TEST(Fleet, SessionsEndWithTheirSeries) {
  ToldPages told;
  told.scrape(kStart, kAgent, kTrainer);
  told.scrape(kStart + 15 * kSecond, kAgent, kTrainer);
  told.scrape(kStart + 30 * kSecond, kAgent, kTrainerIdle);
  const auto view = told.fleet.publish(kStart + 30 * kSecond);
  EXPECT_THAT(device_of(*view, 0).sessions, IsEmpty());
  EXPECT_THAT(device_of(*view, 0).allocations, IsEmpty());
  EXPECT_EQ(device_of(*view, 0).readings[Reading::MemoryUsedBytes], std::nullopt);
  EXPECT_EQ(device_of(*view, 0).up, std::nullopt);
  const auto ended = told.fleet.take_ended();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].device_id, "a-GPU-00");
  EXPECT_EQ(ended[0].end, kStart + 15 * kSecond) << "when it was last seen";
  EXPECT_EQ(ended[0].session.util_samples, 2U);
  EXPECT_THAT(told.fleet.take_ended(), IsEmpty());
}

TEST(Fleet, AReusedPidIsAnotherSession) {
  ToldPages told;
  told.scrape(kStart, kAgent, kTrainer);
  std::string later = kTrainer;
  later.replace(later.find("1799999000"), 10, "1800000010");
  told.scrape(kStart + 15 * kSecond, kAgent, later);
  const auto view = told.fleet.publish(kStart + 15 * kSecond);
  ASSERT_THAT(device_of(*view, 0).sessions, SizeIs(1));
  EXPECT_EQ(device_of(*view, 0).sessions[0].start, 1'800'000'010'000);
  ASSERT_THAT(told.fleet.take_ended(), SizeIs(1));
}

TEST(Fleet, SilenceIsNoticed) {
  ToldPages told;
  told.scrape(kStart, kAgent, kTrainer + kCut);
  told.fleet.advance(kStart + 75 * kSecond);
  EXPECT_EQ(device_of(*told.fleet.publish(kStart), 0).presence, Presence::Present) << "a state holds 2.5 intervals";
  told.fleet.advance(kStart + 76 * kSecond);
  const auto stale = told.fleet.publish(kStart + 76 * kSecond);
  EXPECT_EQ(device_of(*stale, 0).presence, Presence::Stale);
  EXPECT_EQ(device_of(*stale, 0).readings[Reading::GpuUtilPercent], std::nullopt);
  EXPECT_THAT(device_of(*stale, 0).sessions, IsEmpty());
  EXPECT_THAT(listed_instances(device_of(*stale, 1)), SizeIs(2)) << "how it was cut stays";
  EXPECT_THAT(told.fleet.take_ended(), SizeIs(1));
  told.fleet.advance(kStart + 301 * kSecond);
  EXPECT_EQ(device_of(*told.fleet.publish(kStart), 0).presence, Presence::Missing);
  told.scrape(kStart + 400 * kSecond, kAgent, kTrainer);
  EXPECT_EQ(device_of(*told.fleet.publish(kStart), 0).presence, Presence::Present);
  EXPECT_THAT(device_of(*told.fleet.publish(kStart), 0).sessions, SizeIs(1));
}

// Each publication would copy a node that is swept, for as long as its board is away.
TEST(Fleet, WhatIsSilentIsSweptOnce) {
  ToldPages told;
  told.scrape(kStart, kAgent, kCut);
  told.fleet.advance(kStart + 100 * kSecond);
  const auto stale = told.fleet.publish(kStart + 100 * kSecond);
  ASSERT_EQ(device_of(*stale, 1).presence, Presence::Stale);
  ASSERT_FALSE(device_of(*stale, 1).instances.empty());
  told.fleet.advance(kStart + 101 * kSecond);
  EXPECT_EQ(told.fleet.publish(kStart + 101 * kSecond)->nodes[0], stale->nodes[0]);
  told.fleet.advance(kStart + 301 * kSecond);
  EXPECT_EQ(device_of(*told.fleet.publish(kStart + 301 * kSecond), 1).presence, Presence::Missing);
}

TEST(Fleet, OneOfTwoSourcesIsBelieved) {
  ToldPages told;
  const auto page = [](int value) {
    return R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",modelName="T4",Hostname="a"} )" + std::to_string(value) + "\n";
  };
  const auto util = [&] { return device_of(*told.fleet.publish(0), 0).readings[Reading::GpuUtilPercent]; };
  told.scrape(kStart, kDcgm, page(10));
  EXPECT_EQ(util(), 10);
  told.scrape(kStart + 1, kAgent, page(20));
  EXPECT_EQ(util(), 20) << "the agent is taken at once";
  told.scrape(kStart + 30 * kSecond, kDcgm, page(11));
  EXPECT_EQ(util(), 20);
  told.scrape(kStart + 61 * kSecond, kDcgm, page(12));
  EXPECT_EQ(util(), 12) << "the agent has been silent for two intervals";
  told.scrape(kStart + 70 * kSecond, kAgent, page(22));
  EXPECT_EQ(util(), 22);
  told.scrape(kStart + 80 * kSecond, kAgent, "");
  EXPECT_EQ(util(), std::nullopt) << "what was believed has ended";
  told.scrape(kStart + 90 * kSecond, kDcgm, page(13));
  EXPECT_EQ(util(), 13);
}

TEST(Fleet, OldAndDoubleSamplesChangeNothing) {
  ToldPages told;
  const metrics::Label labels[] = {
      {"__name__", "DCGM_FI_DEV_GPU_UTIL"}, {"UUID", "GPU-1"}, {"gpu", "0"}, {"node", "a"}};
  const Slot slot = told.fleet.learn(labels, kStart);
  EXPECT_TRUE(told.fleet.apply(slot, 5, kStart));
  EXPECT_FALSE(told.fleet.apply(slot, 6, kStart));
  EXPECT_FALSE(told.fleet.apply(slot, 7, kStart - 1));
  told.fleet.end(slot, kStart);
  EXPECT_EQ(device_of(*told.fleet.publish(0), 0).readings[Reading::GpuUtilPercent], 5);
}

TEST(Fleet, AViewDoesNotChange) {
  ToldPages told;
  told.scrape(kStart, kAgent, kTrainer);
  told.scrape(kStart, R"(job="tessera-agent",node="b")",
              R"(DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-7",Hostname="b"} 1)"
              "\n");
  const auto before = told.fleet.publish(kStart);
  told.scrape(kStart + 15 * kSecond, kAgent, kTrainerIdle);
  const auto after = told.fleet.publish(kStart + 15 * kSecond);
  EXPECT_EQ(device_of(*before, 0, "a").readings[Reading::GpuUtilPercent], 80);
  EXPECT_EQ(device_of(*after, 0, "a").readings[Reading::GpuUtilPercent], 0);
  EXPECT_EQ(&node_of(*before, "b"), &node_of(*after, "b")) << "what has not changed is shared";
}

TEST(Fleet, ADeviceMovesAndIsRenumbered) {
  ToldPages told;
  const auto page = [](int index) {
    return R"(DCGM_FI_DEV_GPU_UTIL{gpu=")" + std::to_string(index) +
           R"(",UUID="GPU-1"} 1)"
           "\n";
  };
  told.scrape(kStart, R"(node="a")",
              page(0) + R"(DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2"} 2)"
                        "\n");
  told.scrape(kStart + 15 * kSecond, R"(node="a")",
              page(3) + R"(DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2"} 2)"
                        "\n");
  auto view = told.fleet.publish(0);
  EXPECT_EQ(node_of(*view, "a").devices[0].facts->uuid, "GPU-2");
  EXPECT_EQ(device_of(*view, 3, "a").facts->uuid, "GPU-1");
  told.fleet.advance(kStart + 200 * kSecond);
  told.scrape(kStart + 200 * kSecond, R"(node="b")", page(5));
  told.scrape(kStart + 200 * kSecond, R"(node="a")",
              R"(DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2"} 9)"
              "\n");
  view = told.fleet.publish(0);
  EXPECT_EQ(device_of(*view, 5, "b").readings[Reading::GpuUtilPercent], 1);
  EXPECT_THAT(node_of(*view, "a").devices, SizeIs(1));
  EXPECT_EQ(device_of(*view, 1, "a").readings[Reading::GpuUtilPercent], 9) << "its neighbour's slots still find it";
}

TEST(Fleet, AReplacedBoardIsNotMissing) {
  ToldPages told;
  const auto page = [](const std::string& uuid, int index) {
    return fmt::format("DCGM_FI_DEV_GPU_UTIL{{gpu=\"{}\",UUID=\"{}\"}} 1\n", index, uuid);
  };
  const auto presence = [&](EpochMs now) {
    told.fleet.advance(now);
    std::string out;
    const auto view = told.fleet.publish(now);
    for (const Device& device : node_of(*view).devices)
      out += fmt::format("{} {} ", device.facts->uuid, presence_name(device.presence));
    return out;
  };
  told.scrape(kStart, kDcgm, page("GPU-old", 0) + page("GPU-1", 1) + page("GPU-2", 2));
  EXPECT_EQ(presence(kStart + 400 * kSecond), "GPU-old missing GPU-1 missing GPU-2 missing ");
  // The first has been replaced; the second is gone, and the third has its number now.
  told.scrape(kStart + 400 * kSecond, kDcgm, page("GPU-new", 0) + page("GPU-2", 1));
  EXPECT_EQ(presence(kStart + 400 * kSecond), "GPU-new present GPU-old retired GPU-1 missing GPU-2 present ");
  for (int at = 430; at < 2'000; at += 30) {
    told.scrape(kStart + at * kSecond, kDcgm, page("GPU-new", 0) + page("GPU-2", 1));
    EXPECT_EQ(presence(kStart + at * kSecond), "GPU-new present GPU-old retired GPU-1 missing GPU-2 present ");
  }
  told.scrape(kStart + 2'000 * kSecond, kDcgm, page("GPU-old", 0) + page("GPU-2", 1));
  EXPECT_EQ(presence(kStart + 2'000 * kSecond), "GPU-new present GPU-old present GPU-1 missing GPU-2 present ");
  told.scrape(kStart + 2'080 * kSecond, kDcgm, page("GPU-old", 0) + page("GPU-2", 1));
  EXPECT_EQ(presence(kStart + 2'080 * kSecond), "GPU-new stale GPU-old present GPU-1 missing GPU-2 present ")
      << "the old one was put back: it did not come after the other";
}

TEST(Fleet, AReplacedBoardRetiresWithoutHavingBeenMissing) {
  ToldPages told;
  told.scrape(kStart, kDcgm, "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-old\"} 1\n");
  for (int at = 30; at <= 600; at += 30) {
    told.scrape(kStart + at * kSecond, kDcgm, "DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-new\"} 1\n");
    told.fleet.advance(kStart + at * kSecond);
    const auto view = told.fleet.publish(kStart + at * kSecond);
    ASSERT_EQ(node_of(*view).devices[1].facts->uuid, "GPU-old");
    ASSERT_EQ(node_of(*view).devices[1].presence, at <= 75 ? Presence::Present : Presence::Retired) << at;
  }
}

TEST(Fleet, WhatSendersCreateIsBounded) {
  ToldPages told({.limits = {.nodes = 2, .devices = 3, .instances = 2, .rows = 2}});
  const auto scrape = [&](int second, const std::string& node, const std::string& page) {
    told.scrape(kStart + second * kSecond, fmt::format("node=\"{}\"", node), page);
    return told.fleet.refused();
  };
  const auto device = [](int number, const std::string& more = "") {
    return fmt::format("DCGM_FI_DEV_FB_USED{{gpu=\"{0}\",UUID=\"GPU-{0}\"{1}}} 1\n", number, more);
  };
  const auto instance = [&](int number) {
    return device(0, fmt::format(",GPU_I_ID=\"{}\",GPU_I_PROFILE=\"1g.10gb\"", number));
  };
  const auto process = [](int pid) {
    return fmt::format("gpu_process_info{{gpu=\"0\",UUID=\"GPU-0\",pid=\"{}\"}} 1\n", pid);
  };
  EXPECT_EQ(scrape(0, "a", device(0) + instance(1) + instance(2) + process(1) + process(2)), RefusedSeries{});
  EXPECT_EQ(scrape(1, "b", device(1)), RefusedSeries{});
  EXPECT_EQ(scrape(2, "c", device(2)), (RefusedSeries{1, 0, 0, 0}));
  EXPECT_EQ(scrape(3, "b", device(1) + device(2) + device(3)), (RefusedSeries{1, 1, 0, 0}));
  EXPECT_EQ(scrape(4, "a", device(0) + instance(1) + instance(3)), (RefusedSeries{1, 1, 1, 0}));
  EXPECT_EQ(scrape(5, "a", device(0) + process(1) + process(3)), (RefusedSeries{1, 1, 1, 1}));
  EXPECT_EQ(scrape(6, "a", device(0, ",pod=\"p\",namespace=\"n\"")), (RefusedSeries{1, 1, 1, 2}));
  const auto view = told.fleet.publish(kStart + 6 * kSecond);
  ASSERT_THAT(view->nodes, SizeIs(2));
  EXPECT_THAT(node_of(*view, "b").devices, SizeIs(2));
  EXPECT_EQ(device_of(*view, 0, "a").readings[Reading::MemoryUsedBytes], 1024.0 * 1024)
      << "the reading counts, where there is no room for who holds it";
  EXPECT_EQ(device_of(*view, 0, "a").last_seen, kStart + 6 * kSecond);
}

TEST(Fleet, AForgottenSlotIsUsedAgain) {
  ToldPages told;
  const metrics::Label first[] = {
      {"__name__", "gpu_process_info"}, {"UUID", "GPU-1"}, {"gpu", "0"}, {"node", "a"}, {"pid", "1"}};
  const metrics::Label second[] = {
      {"__name__", "gpu_process_info"}, {"UUID", "GPU-1"}, {"gpu", "0"}, {"node", "a"}, {"pid", "2"}};
  const Slot slot = told.fleet.learn(first, kStart);
  told.fleet.apply(slot, 1, kStart);
  told.fleet.end(slot, kStart + 1);
  told.fleet.forget(slot);
  EXPECT_EQ(told.fleet.learn(second, kStart + 2), slot);
  told.fleet.apply(slot, 1, kStart + 2);
  ASSERT_THAT(device_of(*told.fleet.publish(0), 0).sessions, SizeIs(1));
  EXPECT_EQ(device_of(*told.fleet.publish(0), 0).sessions[0].facts->pid, 2U);
}

TEST(Fleet, WhatIsNotAboutAGpuTakesNoSlot) {
  ToldPages told;
  const metrics::Label other[] = {{"__name__", "node_cpu_seconds_total"}, {"instance", "a:9100"}};
  const metrics::Label nameless[] = {{"__name__", "DCGM_FI_DEV_GPU_UTIL"}, {"gpu", "0"}, {"node", "a"}};
  EXPECT_EQ(told.fleet.learn(other, kStart), kNothing);
  EXPECT_EQ(told.fleet.learn(nameless, kStart), kNothing) << "without a UUID nobody knows which device";
  EXPECT_FALSE(told.fleet.apply(kNothing, 1, kStart));
  EXPECT_THAT(told.fleet.publish(0)->nodes, IsEmpty());
}

}  // namespace
}  // namespace tessera::fleet
