// What was gone for a while and is told of again is as it was: its series are known, and their labels are read anew.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/inventory/told_pages.h"

namespace tessera::fleet {
namespace {
using gpu::Placement;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000, kInterval = 30'000;
const std::string kAgent = R"(job="tessera-agent",node="a")", kDcgm = R"(job="dcgm-exporter",node="a")";

std::string device_told(bool mig, const char* driver = "550.54.15") {
  return fmt::format(
      "gpu_device_info{{gpu=\"0\",UUID=\"GPU-1\",model=\"NVIDIA H100 80GB HBM3\",DCGM_FI_DRIVER_VERSION=\"{}\","
      "DCGM_FI_DEV_MIG_MODE=\"{}\"}} 1\n",
      driver, mig ? 1 : 0);
}
std::string instance_told(const char* profile, unsigned slices, Placement at, unsigned gi = 2) {
  return fmt::format(
      "gpu_instance_info{{gpu=\"0\",UUID=\"GPU-1\",GPU_I_PROFILE=\"{0}\",GPU_I_ID=\"{3}\",GPU_CI_ID=\"0\","
      "mig_uuid=\"MIG-{0}\",start=\"{1}\",size=\"{2}\"}} 1\n"
      "gpu_instance_compute_slices{{gpu=\"0\",UUID=\"GPU-1\",GPU_I_PROFILE=\"{0}\",GPU_I_ID=\"{3}\",GPU_CI_ID=\"0\"}} "
      "{4}\n"
      "DCGM_FI_PROF_GR_ENGINE_ACTIVE{{gpu=\"0\",UUID=\"GPU-1\",GPU_I_PROFILE=\"{0}\",GPU_I_ID=\"{3}\"}} 0.5\n",
      profile, at.start, at.size, gi, slices);
}
const std::string kThree = instance_told("3g.40gb", 3, {4, 4}), kOne = instance_told("1g.10gb", 1, {6, 1});

struct Returns : testing::Test {
  Returns() : told({.interval = Milliseconds(kInterval)}) {}
  /// One interval later.
  void scrape(const std::string& page, const std::string& who = kAgent) {
    now += kInterval;
    told.fleet.arrived(now);
    told.scrape(now, who, page);
    told.fleet.advance(now);
  }
  void silence(EpochMs lasts) {
    now += lasts;
    told.fleet.arrived(now);
    told.fleet.advance(now);
  }
  Device device() { return device_of(*told.fleet.publish(now), 0); }
  /// What stands, by its facts.
  std::vector<InstanceFacts> standing() {
    std::vector<InstanceFacts> out;
    const Device of = device();
    for (const ListedInstance& one : listed_instances(of)) out.push_back(*one.instance->facts);
    return out;
  }
  ToldPages told;
  EpochMs now = kStart;
};

TEST_F(Returns, AnInstanceThatOneScrapeMissed) {
  scrape(device_told(true) + kThree);
  const auto before = standing();
  ASSERT_THAT(before, SizeIs(1));
  ASSERT_EQ(before[0].placement, (Placement{4, 4}));
  scrape("");
  EXPECT_THAT(standing(), IsEmpty());
  scrape(device_told(true) + kThree);
  EXPECT_EQ(standing(), before);
}

TEST_F(Returns, AnInstanceBehindASilence) {
  scrape(device_told(true) + kThree);
  const auto before = standing();
  for (const EpochMs lasts : {3 * kInterval, 100 * kInterval}) {
    silence(lasts);
    scrape(device_told(true) + kThree);
    EXPECT_EQ(standing(), before) << lasts;
  }
}

TEST_F(Returns, AnInstanceThatAnotherExporterTellsOfMeanwhile) {
  const std::string other =
      "DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu=\"0\",UUID=\"GPU-1\",GPU_I_PROFILE=\"3g.40gb\",GPU_I_ID=\"2\"} 0.4\n";
  scrape(device_told(true) + kThree);
  const auto before = standing();
  scrape(other, kDcgm);
  scrape("");
  scrape(other, kDcgm);
  ASSERT_THAT(standing(), SizeIs(1));
  EXPECT_EQ(standing()[0].profile, "3g.40gb") << "the exporter's own label";
  scrape(device_told(true) + kThree);
  EXPECT_EQ(standing(), before);
}

// The same series twice, and between them another one of the same number.
TEST_F(Returns, ALayoutThatStoodBefore) {
  scrape(device_told(true) + kThree);
  const auto three = standing();
  scrape(device_told(true) + kOne);
  const auto one = standing();
  ASSERT_THAT(one, SizeIs(1));
  EXPECT_EQ(one[0].placement, (Placement{6, 1}));
  for (int round = 0; round < 2; ++round) {
    scrape(device_told(true) + kThree);
    EXPECT_EQ(standing(), three);
    scrape(device_told(true) + kOne);
    EXPECT_EQ(standing(), one);
  }
}

TEST_F(Returns, AModeAndADriver) {
  scrape(device_told(true));
  scrape(device_told(false, "560.28.03"));
  EXPECT_EQ(device().facts->mig_enabled, false);
  scrape(device_told(true));
  EXPECT_EQ(device().facts->mig_enabled, true);
  EXPECT_EQ(device().facts->driver_version, "550.54.15");
}

TEST_F(Returns, ADeviceToItsNode) {
  const std::string page = device_told(false);
  const auto node = [&] {
    const auto view = told.fleet.publish(now);
    for (const auto& one : view->nodes)
      if (!one->devices.empty() && one->devices[0].presence == Presence::Present) return one->name;
    return std::string("nobody's");
  };
  for (const char* of : {"a", "b", "a", "b"}) {
    scrape(page, fmt::format("job=\"tessera-agent\",node=\"{}\"", of));
    scrape("", fmt::format("job=\"tessera-agent\",node=\"{}\"", of));
    silence(4 * kInterval);
    scrape(page, fmt::format("job=\"tessera-agent\",node=\"{}\"", of));
    EXPECT_EQ(node(), of);
    scrape("", fmt::format("job=\"tessera-agent\",node=\"{}\"", of));
    silence(4 * kInterval);
  }
}

TEST_F(Returns, WhatGoesOnIsReadOnce) {
  scrape(device_told(true) + kThree);
  scrape(device_told(true) + kThree);
  for (Slot slot = 1; slot <= 4; ++slot) EXPECT_FALSE(told.fleet.wants_labels(slot, now + kInterval)) << slot;
  scrape("");
  for (Slot slot = 1; slot <= 4; ++slot) EXPECT_TRUE(told.fleet.wants_labels(slot, now + kInterval)) << slot;
  EXPECT_FALSE(told.fleet.wants_labels(1, now - kInterval)) << "it is older than what is known";
  EXPECT_FALSE(told.fleet.wants_labels(kNothing, now + kInterval));
}

}  // namespace
}  // namespace tessera::fleet
