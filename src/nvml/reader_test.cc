#include "nvml/reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "nvml/abi.h"
#include "nvml/simulated.h"

namespace tessera::nvml {
namespace {

using gpu::Health;
using gpu::Reading;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> profiles(const gpu::Device& device) {
  std::vector<std::string> out;
  for (const auto& instance : device.instances) out.push_back(instance.profile);
  return out;
}

const gpu::Process* find(const gpu::Device& device, unsigned pid) {
  for (const auto& process : device.processes)
    if (process.pid == pid) return &process;
  return nullptr;
}

constexpr std::uint64_t kMib = 1024 * 1024;

TEST_F(ReadSimulated, TellsEveryDevice) {
  scenario(R"(
      - {model: h100_sxm, unattributed: 100MiB}
      - {model: rtx_3090}
      - {model: t4}
)");
  open();
  const auto snapshot = reader->collect();
  EXPECT_TRUE(snapshot.driver.simulated);
  EXPECT_EQ(snapshot.inventory_why, "");
  EXPECT_GT(snapshot.time_ms, 1'600'000'000'000);
  ASSERT_EQ(snapshot.devices.size(), 3U);
  for (const auto& device : snapshot.devices) {
    EXPECT_EQ(device.health, Health::Up) << device.why;
    EXPECT_THAT(device.uuid, testing::StartsWith("GPU-"));
    EXPECT_TRUE(device.readings[Reading::TemperatureCelsius]);
    EXPECT_TRUE(device.readings[Reading::PowerWatts]);
    EXPECT_EQ(device.readings[Reading::XidLast], 0);
  }
  const auto& h100 = snapshot.devices[0];
  EXPECT_EQ(h100.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(h100.architecture, "Hopper");
  EXPECT_EQ(h100.compute_capability, "9.0");
  EXPECT_EQ(h100.mig_enabled, false);
  EXPECT_EQ(h100.compute_slices, 7U);
  EXPECT_TRUE(h100.profiling_supported);
  EXPECT_EQ(h100.readings[Reading::EccUncorrectedVolatileTotal], 0);
  const auto total = h100.readings[Reading::MemoryTotalBytes];
  EXPECT_EQ(total, static_cast<double>(h100.memory_bytes));
  EXPECT_EQ(*h100.readings[Reading::MemoryReservedBytes] + *h100.readings[Reading::MemoryFreeBytes] +
                *h100.readings[Reading::MemoryUsedBytes],
            total);

  const auto& geforce = snapshot.devices[1];
  EXPECT_EQ(geforce.mig_enabled, std::nullopt);
  EXPECT_EQ(geforce.compute_slices, 1U);
  EXPECT_THAT(geforce.profiles, IsEmpty());
  EXPECT_EQ(geforce.serial, std::nullopt);
  for (const auto absent : {Reading::EccUncorrectedVolatileTotal, Reading::RetiredPagesPending,
                            Reading::RowRemapPending, Reading::MemoryTemperatureCelsius})
    EXPECT_EQ(geforce.readings[absent], std::nullopt) << static_cast<int>(absent);
  EXPECT_TRUE(geforce.readings[Reading::FanPercent]);
  EXPECT_FALSE(geforce.profiling_supported);
  EXPECT_THAT(geforce.profiling_why, HasSubstr("Hopper"));
  EXPECT_EQ(snapshot.devices[2].readings[Reading::FanPercent], std::nullopt) << "a T4 has no fan";
}

constexpr std::string_view kCut = R"(
      - model: h100_sxm
        mig:
          layout:
            - {profile: 3g.40gb, start: 4, compute: [2c, 1c], load: 60}
            - {profile: 1g.10gb, start: 2, load: 30}
        processes:
          - {pid: 100, memory: 5GiB, instance: 0, compute: 1}
          - {pid: 101, memory: 1GiB, instance: 1}
)";

TEST_F(ReadSimulated, TellsHowADeviceIsCut) {
  scenario(kCut);
  open();
  const auto device = reader->collect().devices.at(0);
  EXPECT_EQ(device.mig_enabled, true);
  EXPECT_EQ(device.compute_slices, 7U);
  EXPECT_EQ(device.sm_count, 132U);
  EXPECT_EQ(device.readings[Reading::GpuUtilPercent], std::nullopt) << "no driver has it in MIG mode";
  ASSERT_THAT(profiles(device), testing::UnorderedElementsAre("1c.3g.40gb", "2c.3g.40gb", "1g.10gb"));
  for (const auto& instance : device.instances) {
    EXPECT_THAT(instance.uuid, testing::StartsWith("MIG-"));
    ASSERT_TRUE(instance.placement);
    const bool large = instance.gi_compute_slices == 3;
    EXPECT_EQ(*instance.placement, (large ? gpu::Placement{4, 4} : gpu::Placement{2, 1}));
    EXPECT_EQ(instance.memory_bytes, (large ? 40448 : 9984) * kMib);
    EXPECT_EQ(instance.readings[Reading::MemoryTotalBytes], static_cast<double>(instance.memory_bytes));
  }
  const auto* process = find(device, 100);
  ASSERT_TRUE(process);
  EXPECT_EQ(process->used_memory_bytes, 5 * 1024 * kMib);
  EXPECT_EQ(process->compute_instance, 1U);
  EXPECT_EQ(process->sm_util_percent, std::nullopt);
  ASSERT_TRUE(find(device, 101));

  ASSERT_EQ(device.profiles.size(), 7U);
  const auto& smallest = device.profiles.front();
  EXPECT_EQ(smallest.name, "1g.10gb");
  EXPECT_EQ(smallest.max_instances, 7U);
  EXPECT_EQ(smallest.placements.size(), 7U);
  EXPECT_EQ(device.profiles.back().name, "7g.80gb");
}

TEST_F(ReadSimulated, TellsLessToAUserWithoutRights) {
  scenario(kCut, "{unprivileged: true}");
  open();
  const auto device = reader->collect().devices.at(0);
  EXPECT_EQ(device.health, Health::Up);
  EXPECT_THAT(profiles(device), testing::UnorderedElementsAre("1c.3g.40gb", "2c.3g.40gb", "1g.10gb"));
  for (const auto& instance : device.instances) EXPECT_EQ(instance.placement, std::nullopt);
  for (const auto& profile : device.profiles) EXPECT_THAT(profile.placements, IsEmpty());
  EXPECT_EQ(device.readings[Reading::MemoryTotalBytes], std::nullopt);
  EXPECT_TRUE(find(device, 100));
}

TEST_F(ReadSimulated, SpeaksEveryDriverGeneration) {
  struct Case {
    std::string_view generation;
    bool reserved_memory;
    bool gpm;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"r470", false, false}, {"r510", false, false}, {"r535", true, true}, {"", true, true}}) {
    SCOPED_TRACE(c.generation);
    scenario(fmt::format(R"(
      - model: h100_sxm
        processes:
          - {{pid: 100, memory: 5GiB}}
          - {{pid: 200, memory: 6GiB, type: C+G}}
          - {{pid: 300, memory: hidden}}
          - {{pid: 400, memory: 8GiB, type: MPS}}
      {}
)",
                         kCut.substr(kCut.find('-'))));
    open(options(c.generation));
    const auto snapshot = reader->collect();
    reader.reset();
    ASSERT_EQ(snapshot.devices.size(), 2U);
    EXPECT_EQ(snapshot.driver.abi_mismatch, c.generation == "r535");
    const auto& whole = snapshot.devices[0];
    EXPECT_EQ(whole.health, Health::Up) << whole.why;
    ASSERT_EQ(whole.processes.size(), 4U);
    EXPECT_EQ(find(whole, 100)->used_memory_bytes, 5 * 1024 * kMib);
    EXPECT_EQ(find(whole, 200)->used_memory_bytes, 6 * 1024 * kMib);
    EXPECT_TRUE(find(whole, 200)->graphics && find(whole, 200)->compute);
    EXPECT_EQ(find(whole, 300)->used_memory_bytes, std::nullopt);
    EXPECT_TRUE(find(whole, 400)->mps);
    EXPECT_EQ(find(whole, 400)->gpu_instance, std::nullopt);
    EXPECT_TRUE(whole.readings[Reading::MemoryUsedBytes]);
    EXPECT_EQ(whole.readings[Reading::MemoryReservedBytes].has_value(), c.reserved_memory);
    EXPECT_TRUE(whole.readings[Reading::TemperatureCelsius]);
    EXPECT_TRUE(whole.readings[Reading::ClocksEventReasons]);
    EXPECT_EQ(whole.profiling_supported, c.gpm) << whole.profiling_why;

    const auto& cut = snapshot.devices[1];
    EXPECT_THAT(profiles(cut), testing::UnorderedElementsAre("1c.3g.40gb", "2c.3g.40gb", "1g.10gb"));
    ASSERT_TRUE(find(cut, 100));
    EXPECT_EQ(find(cut, 100)->compute_instance, 1U);
    EXPECT_EQ(cut.profiles.size(), 7U);
  }
}

TEST_F(ReadSimulated, ReadsAThousandProcesses) {
  scenario("      - {model: t4, processes: [{pid: 1000, copies: 1000, memory: 5MiB}]}\n");
  for (const char* generation : {"r470", "r535", ""}) {
    open(options(generation));
    const auto device = reader->collect().devices.at(0);
    reader.reset();
    ASSERT_EQ(device.processes.size(), 1000U) << generation;
    for (unsigned pid = 1000; pid < 2000; ++pid) {
      ASSERT_TRUE(find(device, pid)) << pid;
      EXPECT_EQ(find(device, pid)->used_memory_bytes, 5 * kMib);
    }
  }
}

TEST_F(ReadSimulated, HasProfilingOfDevicesAndInstances) {
  scenario(std::string(R"(
      - {model: h100_sxm, load: 50, activity: {sm: 0.5, dram: 1.5}}
)") + std::string(kCut));
  open();
  const auto first = reader->collect();
  EXPECT_EQ(first.devices.at(0).readings[Reading::SmActiveRatio], std::nullopt);
  const auto snapshot = collect_until([](const gpu::Snapshot& s) {
    for (const auto& instance : s.devices.at(1).instances)
      if (!instance.readings[Reading::GraphicsEngineActiveRatio]) return false;
    return s.devices[0].readings[Reading::SmActiveRatio] && s.devices[0].readings[Reading::PcieTxBytesPerSecond];
  });
  const auto& whole = snapshot.devices[0];
  EXPECT_NEAR(*whole.readings[Reading::GraphicsEngineActiveRatio], 0.5, 1e-6);
  EXPECT_NEAR(*whole.readings[Reading::SmActiveRatio], 0.25, 1e-6);
  EXPECT_NEAR(*whole.readings[Reading::DramActiveRatio], 0.75, 1e-6);
  EXPECT_NEAR(*whole.readings[Reading::PcieTxBytesPerSecond], 450.0 * 1048576, 1);
  EXPECT_NEAR(*whole.readings[Reading::NvlinkTxBytesPerSecond], 12000.0 * 1048576, 1);
  EXPECT_TRUE(whole.readings[Reading::NvlinkMegabytesPerSecond]);
  for (const auto& instance : snapshot.devices[1].instances)
    EXPECT_NEAR(*instance.readings[Reading::GraphicsEngineActiveRatio], instance.gi_compute_slices == 3 ? 0.6 : 0.3,
                1e-6);
}

TEST_F(ReadSimulated, CutsAndCountsRatiosAboveOne) {
  scenario("      - {model: h100_sxm, load: 80, activity: {sm: 1.5}}\n");
  open();
  reader->collect();
  const auto snapshot = collect_until(
      [](const gpu::Snapshot& s) { return s.devices.at(0).readings[Reading::SmActiveRatio].has_value(); });
  EXPECT_EQ(snapshot.devices[0].readings[Reading::SmActiveRatio], 1.0);
  EXPECT_GE(snapshot.devices[0].clamped_values, 1U);
}

TEST_F(ReadSimulated, HasEachProcesssShareOfTheDevice) {
  scenario("      - {model: a30, processes: [{pid: 7, memory: 1GiB, sm: 40}, {pid: 8, memory: 1GiB, sm: 0}]}\n");
  open();
  EXPECT_EQ(find(reader->collect().devices.at(0), 7)->sm_util_percent, std::nullopt);
  const auto snapshot =
      collect_until([](const gpu::Snapshot& s) { return find(s.devices.at(0), 8)->sm_util_percent.has_value(); });
  EXPECT_EQ(find(snapshot.devices[0], 7)->sm_util_percent, 40);
  EXPECT_EQ(find(snapshot.devices[0], 8)->sm_util_percent, 0);
}

TEST_F(ReadSimulated, NoticesANewLayoutInTheNextCollection) {
  scenario("      - {model: a100_sxm4_80gb, mig: {layout: [{profile: 3g.40gb, start: 0}]}}\n");
  open();
  const auto before = reader->collect().devices.at(0);
  ASSERT_THAT(profiles(before), ElementsAre("3g.40gb"));
  sim("mig create --gpu 0 --profile 2g.20gb --start 4");
  EXPECT_THAT(profiles(reader->collect().devices.at(0)), testing::UnorderedElementsAre("3g.40gb", "2g.20gb"));
  sim(fmt::format("mig destroy --gpu 0 --gi {}", before.instances[0].gpu_instance));
  EXPECT_THAT(profiles(reader->collect().devices.at(0)), ElementsAre("2g.20gb"));
  sim("mig create --gpu 0 --profile 3g.40gb --start 0");
  const auto after = reader->collect().devices.at(0);
  for (const auto& instance : after.instances) EXPECT_NE(instance.uuid, before.instances[0].uuid);
  EXPECT_EQ(after.instances.size(), 2U);
}

TEST_F(ReadSimulated, NoticesThatMigModeWasSwitched) {
  scenario("      - {model: h100_sxm, load: 20}\n");
  open();
  EXPECT_EQ(reader->collect().devices.at(0).readings[Reading::GpuUtilPercent], 20);
  sim("mig mode --gpu 0 on");
  sim("mig create --gpu 0 --profile 7g.80gb");
  const auto cut = reader->collect().devices.at(0);
  EXPECT_EQ(cut.mig_enabled, true);
  EXPECT_THAT(profiles(cut), ElementsAre("7g.80gb"));
  EXPECT_EQ(cut.readings[Reading::GpuUtilPercent], std::nullopt);
  EXPECT_EQ(cut.readings[Reading::RowRemapPending], std::nullopt);
  sim(fmt::format("mig destroy --gpu 0 --gi {}", cut.instances.at(0).gpu_instance));
  sim("mig mode --gpu 0 off");
  const auto whole = reader->collect().devices.at(0);
  EXPECT_EQ(whole.mig_enabled, false);
  EXPECT_TRUE(whole.readings[Reading::GpuUtilPercent]) << "what was absent in MIG mode is asked for again";
  EXPECT_EQ(whole.readings[Reading::RowRemapPending], 0);
}

TEST_F(ReadSimulated, CountsFromTheDriversCounters) {
  scenario("      - {model: h100_sxm}\n");
  open();
  reader->collect();
  sim("fault ecc --gpu 0 --corrected 3 --uncorrected 2");
  sim("fault remap --gpu 0 --uncorrectable 1 --pending");
  sim("fault temperature --gpu 0 --celsius 88");
  sim("fault throttle --gpu 0 --reason hw-thermal");
  const auto readings = reader->collect().devices.at(0).readings;
  EXPECT_EQ(readings[Reading::EccCorrectedVolatileTotal], 3);
  EXPECT_EQ(readings[Reading::EccUncorrectedVolatileTotal], 2);
  EXPECT_EQ(readings[Reading::RemappedRowsUncorrectable], 1);
  EXPECT_EQ(readings[Reading::RemappedRowsCorrectable], 0);
  EXPECT_EQ(readings[Reading::RowRemapPending], 1);
  EXPECT_EQ(readings[Reading::TemperatureCelsius], 88);
  EXPECT_TRUE(static_cast<unsigned>(*readings[Reading::ClocksEventReasons]) & abi::kReasonHwThermal);
}

}  // namespace
}  // namespace tessera::nvml
