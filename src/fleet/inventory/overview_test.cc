#include "fleet/inventory/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

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

UtilizationSum utilization(const std::vector<std::pair<std::string, std::optional<double>>>& instances) {
  ToldPages told;
  told.scrape(kStart, R"(node="a")", cut(instances));
  UtilizationSum out;
  out.add(device_of(*told.fleet.publish(kStart), 0));
  return out;
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
    const UtilizationSum of = utilization(c.instances);
    ASSERT_TRUE(of.allocated() && of.device() && of.simple());
    EXPECT_NEAR(of.allocated()->ratio, c.allocated, 1e-9);
    EXPECT_NEAR(of.device()->ratio, c.device, 1e-9);
    EXPECT_NEAR(*of.simple(), c.simple, 1e-9);
    EXPECT_EQ(of.device()->coverage, 1);
    EXPECT_EQ(of.source(), "graphics_engine");
  }
  EXPECT_NEAR(utilization({{"3g.40gb", 0.5}, {"2g.20gb", std::nullopt}}).allocated()->coverage, 0.6, 1e-9);
  EXPECT_FALSE(utilization({{"3g.40gb", std::nullopt}}).device());
  EXPECT_EQ(utilization({}).device()->ratio, 0) << "nothing can run on a device that is cut into nothing";
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
  const Overview overview = OverviewFold().of(*told.fleet.publish(kStart)).all;
  EXPECT_EQ(overview.nodes, 1U);
  EXPECT_EQ(overview.devices, 4U);
  using Four = std::array<std::uint64_t, 4>;
  EXPECT_EQ(overview.by_use, (Four{1, 1, 2, 0})) << "active, idle, free, unknown";
  EXPECT_EQ(overview.by_health, (Four{3, 0, 1, 0}));
  EXPECT_EQ(overview.by_presence, (Four{4, 0, 0, 0}));
  EXPECT_EQ(overview.findings, (std::array<std::uint64_t, 3>{0, 0, 1}));
  EXPECT_EQ(overview.allocations, 2U);
  EXPECT_EQ(overview.devices_by_model.at("T4"), 2U);
  EXPECT_EQ(overview.devices_by_model.at("NVIDIA Unheard Of 9000"), 1U) << "an unknown model is not dropped";
  ASSERT_TRUE(overview.utilization.device());
  EXPECT_NEAR(overview.utilization.device()->ratio, 0.5 / 3, 1e-9);
  EXPECT_NEAR(overview.utilization.device()->coverage, 0.75, 1e-9) << "one device tells nothing of its load";
  EXPECT_EQ(overview.power_watts.known(), 60);
  EXPECT_EQ(overview.power_watts.told, 1U);
  ASSERT_EQ(overview.namespaces.size(), 1U);
  EXPECT_EQ(overview.namespaces.at("ml").allocations, 2U);
  EXPECT_EQ(overview.namespaces.at("ml").held_devices, 2);
}

TEST(OverviewOf, OfNothingInventsNothing) {
  const Overview overview = OverviewFold().of(View{}).all;
  EXPECT_FALSE(overview.utilization.device());
  EXPECT_FALSE(overview.utilization.simple());
  EXPECT_FALSE(overview.power_watts.known());
}

// Nodes come, change, fall silent and are shared between views; what was kept of them never shows.
TEST(OverviewFold, IsWhatAFreshOneIs) {
  std::mt19937 random(20261122);
  const auto any = [&](int least, int most) { return std::uniform_int_distribution(least, most)(random); };
  ToldPages told;
  OverviewFold kept;
  EpochMs now = kStart;
  for (int round = 0; round < 60; ++round, now += 20'000) {
    for (int i = any(0, 4); i > 0; --i) {
      const std::string target = fmt::format("node=\"n{}\",cluster=\"c{}\"", any(0, 9), any(0, 1));
      std::string page = any(0, 3) == 0 ? cut({{"1g.10gb", any(0, 100) / 100.0}, {"3g.40gb", std::nullopt}}) : "";
      for (int gpu = any(0, 3); gpu > 0; --gpu)
        page += fmt::format(
            "DCGM_FI_DEV_GPU_UTIL{{gpu=\"{0}\",UUID=\"GPU-{0}-{1}\",modelName=\"Tesla T4\",pod=\"p{2}\",namespace="
            "\"s{2}\",container=\"c\"}} {3}\n",
            gpu, target.substr(6, 2), any(0, 3), any(0, 100));
      if (!page.empty()) told.scrape(now, target, page);
    }
    told.fleet.advance(now);
    const auto view = told.fleet.publish(now);
    const Overviews of = kept.of(*view), fresh = OverviewFold().of(*view);
    ASSERT_TRUE(of.all == fresh.all && of.clusters == fresh.clusters) << "round " << round;
    ASSERT_EQ(of.nodes.size(), view->nodes.size());
    for (std::size_t i = 0; i < of.nodes.size(); ++i)
      ASSERT_TRUE(*of.nodes[i] == overview_of(*view->nodes[i])) << view->nodes[i]->name << " in round " << round;
  }
}

TEST(ProblemsOf, FollowsPowerAndLink) {
  struct Case {
    std::string told;
    std::vector<std::string> keys;
    Health health;
  };
  const auto series = [](const char* name, double value) {
    return fmt::format("{}{{gpu=\"0\",UUID=\"GPU-1\"}} {}\n", name, value);
  };
  const auto power = [&](double watts, double limit) {
    return series("DCGM_FI_DEV_POWER_USAGE", watts) + series("DCGM_FI_DEV_POWER_MGMT_LIMIT", limit);
  };
  const auto reasons = [&](double bits) { return series("DCGM_FI_DEV_CLOCK_THROTTLE_REASONS", bits); };
  const auto heat = [&](double celsius, double slowdown) {
    return series("DCGM_FI_DEV_GPU_TEMP", celsius) + series("DCGM_FI_DEV_SLOWDOWN_TEMP", slowdown);
  };
  const auto lanes = [&](double width) { return series("DCGM_FI_DEV_PCIE_LINK_WIDTH", width); };
  const Case kCases[] = {
      {power(680, 700) + reasons(0) + lanes(16), {}, Health::Healthy},
      {power(686, 700), {"power_limit"}, Health::Healthy},
      {power(686, 0), {}, Health::Healthy},
      {series("DCGM_FI_DEV_POWER_USAGE", 686), {}, Health::Healthy},
      {reasons(4), {"power_limit"}, Health::Healthy},
      {reasons(8), {"hardware_slowdown"}, Health::Degraded},
      {reasons(8 + 64), {"thermal_slowdown"}, Health::Degraded},
      {heat(86, 87), {}, Health::Healthy},
      {heat(87, 87), {"hot"}, Health::Degraded},
      {heat(90, 87) + reasons(8 + 64), {"thermal_slowdown"}, Health::Degraded},
      {reasons(8 + 128), {"power_brake"}, Health::Degraded},
      {lanes(8), {"narrow_link"}, Health::Degraded},
      {lanes(0), {}, Health::Healthy},
      {lanes(16), {}, Health::Healthy},
  };
  ToldPages told;
  EpochMs time = kStart;
  told.scrape(time, R"(node="a")", lanes(8));
  EXPECT_TRUE(problems_of(device_of(*told.fleet.publish(time), 0)).empty()) << "the most that was seen: by design";
  told.scrape(time += 1'000, R"(node="a")", lanes(16));
  for (const Case& c : kCases) {
    told.scrape(time += 30'000, R"(node="a")", c.told);
    const auto view = told.fleet.publish(time);
    std::vector<std::string> keys;
    for (const Problem& one : problems_of(device_of(*view, 0))) keys.emplace_back(one.key);
    EXPECT_EQ(keys, c.keys) << c.told;
    EXPECT_EQ(health_of(device_of(*view, 0)), c.health) << c.told;
  }
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
  EXPECT_EQ(health_of(device_of(*view, 0)), Health::Healthy) << "Xid 31 is a program's fault";
  const auto problems = problems_of(device_of(*view, 1));
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0].key, "fatal_xid");
  EXPECT_EQ(problems[0].value, 79);
  EXPECT_EQ(health_of(device_of(*view, 1)), Health::Unhealthy);
  EXPECT_EQ(health_of(device_of(*view, 2)), Health::Healthy) << "idle, and at its power cap";
  told.fleet.advance(kStart + 100'000);
  EXPECT_EQ(health_of(device_of(*told.fleet.publish(0), 0)), Health::Unknown);
  EXPECT_EQ(problems_of(device_of(*told.fleet.publish(0), 0)).at(0).key, "stale");
  told.fleet.advance(kStart + 400'000);
  EXPECT_EQ(problems_of(device_of(*told.fleet.publish(0), 0)).at(0).key, "missing");
}

TEST(ProfileKey, IsOfTheModelsFamily) {
  EXPECT_EQ(profile_key("H100_80GB", "2g.20gb"), "H100_2G20GB");
  EXPECT_EQ(profile_key("A100_40GB", "1g.5gb+me"), "A100_1G5GB_ME");
  EXPECT_EQ(profile_key("RTXPRO6000", "1g.24gb+me.all"), "RTXPRO6000_1G24GB_ME_ALL");
  EXPECT_EQ(profile_key("B200_180GB", "1g.23gb-me"), "B200_1G23GB_NO_ME");
  EXPECT_EQ(profile_key("H100_80GB", "1c.3g.40gb"), "H100_1C3G40GB");
  EXPECT_FALSE(profile_key("NVIDIA Unheard Of 9000", "2g.20gb"));
  EXPECT_FALSE(profile_key("H100_80GB", "big"));
}

TEST(Models, FixedKeysComeFirst) {
  EXPECT_EQ(models()[0].key, "GTX1080");
  EXPECT_EQ(models()[13].key, "H100_80GB");
  EXPECT_EQ(find_model("TITANXP")->status, ModelStatus::EndOfLife);
  EXPECT_EQ(find_model("nope"), nullptr);
}

}  // namespace
}  // namespace tessera::fleet
