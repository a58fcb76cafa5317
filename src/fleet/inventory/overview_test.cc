#include "fleet/inventory/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/health.h"
#include "fleet/inventory/told_pages.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet {
namespace {

constexpr EpochMs kStart = 1'800'000'000'000;

/// A device in MIG mode with these instances: profile and utilization.
std::string cut(const std::vector<std::pair<std::string, std::optional<double>>>& instances) {
  std::string out =
      "gpu_device_info{gpu=\"0\",UUID=\"GPU-1\",model=\"NVIDIA H100 80GB HBM3\",DCGM_FI_DEV_MIG_MODE=\"1\"} 1\n"
      "gpu_device_compute_slices{gpu=\"0\",UUID=\"GPU-1\"} 7\n";
  for (std::size_t i = 0; i < instances.size(); ++i) {
    const auto& [profile, busy] = instances[i];
    out += fmt::format(
        "gpu_instance_info{{gpu=\"0_{0}_0\",UUID=\"GPU-1\",GPU_I_ID=\"{0}\",GPU_CI_ID=\"0\",GPU_I_PROFILE=\"{1}\"}} 1\n"
        "gpu_instance_compute_slices{{gpu=\"0_{0}_0\",UUID=\"GPU-1\",GPU_I_ID=\"{0}\",GPU_CI_ID=\"0\",GPU_I_PROFILE="
        "\"{1}\"}} {2}\n",
        i + 1, profile, profile[0]);
    if (busy)
      out += fmt::format(
          "DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu=\"0\",UUID=\"GPU-1\",GPU_I_ID=\"{}\",GPU_I_PROFILE=\"{}\"}} {}\n", i + 1,
          profile, *busy);
  }
  return out;
}

Utilization utilization(const std::vector<std::pair<std::string, std::optional<double>>>& instances) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", cut(instances));
  return utilization_of(device_of(*told.fleet.publish(kStart), 0), gpu::Weight::ComputeSlices);
}

TEST(Utilization, IsWeightedBySlices) {
  struct Case {
    std::vector<std::pair<std::string, std::optional<double>>> instances;
    double allocated, device, simple;
  };
  const Case kCases[] = {
      {{{"1g.10gb", 0.9}, {"2g.20gb", 0.6}, {"1g.10gb", 0.8}}, 0.725, 2.9 / 7, 2.3 / 3},
      {{{"1g.10gb", 0.9}, {"1g.10gb", 0.8}, {"2g.20gb", 0.6}, {"1g.10gb", 0.7}}, 0.72, 3.6 / 7, 0.75},
      {{{"3g.40gb", 0.95}, {"2g.20gb", 0.7}, {"2g.20gb", 0.85}}, 0.85, 0.85, 2.5 / 3},
  };
  for (const Case& c : kCases) {
    const Utilization of = utilization(c.instances);
    ASSERT_TRUE(of.allocated && of.device && of.simple);
    EXPECT_NEAR(of.allocated->ratio, c.allocated, 1e-9);
    EXPECT_NEAR(of.device->ratio, c.device, 1e-9);
    EXPECT_NEAR(*of.simple, c.simple, 1e-9);
    EXPECT_EQ(of.device->coverage, 1);
  }
  EXPECT_NEAR(utilization({{"3g.40gb", 0.5}, {"2g.20gb", std::nullopt}}).allocated->coverage, 0.6, 1e-9);
  EXPECT_FALSE(utilization({{"3g.40gb", std::nullopt}}).device);
  EXPECT_EQ(utilization({}).device->ratio, 0) << "nothing can run on a device that is cut into nothing";
}

TEST(OverviewOf, CountsEachDeviceOnce) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", R"(
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",modelName="Tesla T4",pod="p",namespace="ml",container="c"} 50
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-1",modelName="Tesla T4",pod="p",namespace="ml",container="c"} 60
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-2",modelName="Tesla T4"} 0
DCGM_FI_DEV_GPU_UTIL{gpu="2",UUID="GPU-3",modelName="NVIDIA Unheard Of 9000"} 0
DCGM_FI_DEV_ROW_REMAP_FAILURE{gpu="2",UUID="GPU-3",modelName="NVIDIA Unheard Of 9000"} 1
gpu_allocation_info{gpu="3",UUID="GPU-4",resource="nvidia.com/gpu",share="exclusive",pod="q",namespace="ml",container="c"} 1
gpu_allocation_used{gpu="3",UUID="GPU-4",resource="nvidia.com/gpu",pod="q",namespace="ml",container="c"} 0
)");
  const Overview overview = overview_of(*told.fleet.publish(kStart));
  EXPECT_EQ(overview.nodes, 1U);
  EXPECT_EQ(overview.devices, 4U);
  EXPECT_EQ(overview.held, 2U);
  EXPECT_EQ(overview.held_idle, 1U);
  EXPECT_EQ(overview.free, 1U);
  EXPECT_EQ(overview.unhealthy, 1U);
  EXPECT_EQ(overview.allocations, 2U);
  EXPECT_EQ(overview.devices_by_model.at("T4"), 2U);
  EXPECT_EQ(overview.devices_by_model.at("NVIDIA Unheard Of 9000"), 1U) << "an unknown model is not dropped";
  ASSERT_TRUE(overview.utilization);
  EXPECT_NEAR(overview.utilization->ratio, 0.5 / 3, 1e-9);
  EXPECT_NEAR(overview.utilization->coverage, 0.75, 1e-9) << "one device tells nothing of its load";
  EXPECT_EQ(overview.power_watts.value, 60);
  EXPECT_EQ(overview.power_watts.told, 1U);
  ASSERT_EQ(overview.namespaces.size(), 1U);
  EXPECT_EQ(overview.namespaces[0].allocations, 2U);
}

TEST(OverviewOf, OfNothingInventsNothing) {
  const Overview overview = overview_of(View{});
  EXPECT_FALSE(overview.utilization);
  EXPECT_FALSE(overview.simple_utilization);
  EXPECT_EQ(overview.power_watts.asked, 0U);
}

TEST(ProblemsOf, NamesTheWorstFirst) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", R"(
DCGM_FI_DEV_XID_ERRORS{gpu="0",UUID="GPU-1"} 31
DCGM_FI_DEV_UNCORRECTABLE_REMAPPED_ROWS{gpu="1",UUID="GPU-2"} 2
DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{gpu="1",UUID="GPU-2"} 64
DCGM_FI_DEV_XID_ERRORS{gpu="1",UUID="GPU-2"} 79
DCGM_FI_DEV_CLOCK_THROTTLE_REASONS{gpu="2",UUID="GPU-3"} 5
)");
  const auto view = told.fleet.publish(kStart);
  EXPECT_EQ(health_word(device_of(*view, 0)), "ok") << "Xid 31 is a program's fault";
  const auto problems = problems_of(device_of(*view, 1));
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].key, "fatal_xid");
  EXPECT_EQ(health_word(device_of(*view, 1)), "critical");
  EXPECT_EQ(health_word(device_of(*view, 2)), "ok") << "idle, and at its power cap";
  told.fleet.advance(kStart + 100'000);
  EXPECT_EQ(health_word(device_of(*told.fleet.publish(0), 0)), "unknown");
  told.fleet.advance(kStart + 400'000);
  EXPECT_EQ(problems_of(device_of(*told.fleet.publish(0), 0)).at(0).key, "missing");
}

TEST(Models, FixedKeysComeFirst) {
  EXPECT_EQ(models()[0].key, "GTX1080");
  EXPECT_EQ(models()[13].key, "H100_80GB");
  EXPECT_EQ(find_model("TITANXP")->status, ModelStatus::EndOfLife);
  EXPECT_EQ(find_model("nope"), nullptr);
}

}  // namespace
}  // namespace tessera::fleet
