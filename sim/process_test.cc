#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <thread>
#include <vector>

#include "sim/faults.h"
#include "sim/fixture.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

TEST(SimProcesses, ListsGrowByTheSizeProtocol) {
  Driver driver(
      "      - {model: h100_sxm, processes: [{pid: 11, memory: 1GiB}, {pid: 12, memory: hidden}, {pid: 13, type: G}]}\n"
      "      - model: l4\n");
  u32 count = 0;
  EXPECT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(1), &count, nullptr), kSuccess);  // none
  EXPECT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(0), &count, nullptr), kInsufficientSize);
  EXPECT_EQ(count, 2U);
  std::vector<ProcessInfo> entries(1);
  count = 1;  // the list grew between the two calls
  EXPECT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(0), &count, entries.data()), kInsufficientSize);
  EXPECT_EQ(count, 2U);
  entries.resize(4);
  count = 4;
  ASSERT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(0), &count, entries.data()), kSuccess);
  ASSERT_EQ(count, 2U);
  EXPECT_EQ(entries[0].pid, 11U);
  EXPECT_EQ(entries[0].usedGpuMemory, 1ULL << 30U);
  EXPECT_EQ(entries[0].gpuInstanceId, kNoInstance);
  EXPECT_EQ(entries[0].computeInstanceId, kNoInstance);
  EXPECT_EQ(entries[1].usedGpuMemory, kNoValue64);

  std::vector<ProcessInfoV1> old(4);
  count = 4;
  ASSERT_EQ(driver->nvmlDeviceGetComputeRunningProcesses(driver.gpu(0), &count, old.data()), kSuccess);
  EXPECT_EQ(old[1].pid, 12U);  // 16 bytes apart
  count = 4;
  ASSERT_EQ(driver->nvmlDeviceGetGraphicsRunningProcesses_v2(driver.gpu(0), &count, entries.data()), kSuccess);
  ASSERT_EQ(count, 1U);
  EXPECT_EQ(entries[0].pid, 13U);
}

TEST(SimProcesses, MpsClientsAndDoubleRoles) {
  Driver driver(
      "      - {model: l40s, processes: [{pid: 1, command: server}, {pid: 2, type: MPS}, {pid: 3, type: C+G}]}\n");
  const auto pids = [&](auto list) {
    std::vector<ProcessInfo> entries(8);
    u32 count = 8;
    EXPECT_EQ(list(driver.gpu(), &count, entries.data()), kSuccess);
    std::vector<u32> out;
    for (u32 i = 0; i < count; ++i) out.push_back(entries[i].pid);
    return out;
  };
  EXPECT_EQ(pids(driver->nvmlDeviceGetComputeRunningProcesses_v3), (std::vector<u32>{1, 3}));
  EXPECT_EQ(pids(driver->nvmlDeviceGetMPSComputeRunningProcesses_v3), (std::vector<u32>{2}));
  EXPECT_EQ(pids(driver->nvmlDeviceGetGraphicsRunningProcesses_v3), (std::vector<u32>{3}));
  char name[32];
  EXPECT_EQ(driver->nvmlSystemGetProcessName(1, name, sizeof name), kSuccess);
  EXPECT_STREQ(name, "server");
  EXPECT_EQ(driver->nvmlSystemGetProcessName(99, name, sizeof name), kNotFound);
}

// The hazard of early 535 drivers: 32-byte entries from a call that promises 24.
TEST(SimProcesses, StrideOf32BytesCanBeSwitchedOnWhileRunning) {
  Driver driver("      - {model: h100_sxm, processes: [{pid: 11, memory: 1MiB}, {pid: 12, memory: 2MiB}]}\n");
  alignas(8) char bytes[4 * 32] = {};
  const auto second_pid = [&](std::size_t stride) {
    u32 pid = 0, count = 4;
    EXPECT_EQ(
        driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(), &count, reinterpret_cast<ProcessInfo*>(bytes)),
        kSuccess);
    std::memcpy(&pid, bytes + stride, sizeof pid);
    return pid;
  };
  EXPECT_EQ(second_pid(24), 12U);
  ASSERT_TRUE(fault_stride32(driver.node(), true));
  EXPECT_EQ(second_pid(32), 12U);
  EXPECT_NE(second_pid(24), 12U);
  ASSERT_TRUE(fault_clear(driver.node(), std::nullopt));
  EXPECT_EQ(second_pid(24), 12U);
}

TEST(SimProcesses, TheOld535WritesThemAlways) {
  Driver driver("      - {model: h100_sxm, processes: [{pid: 11}, {pid: 12}]}\n", "r535");
  alignas(8) char bytes[4 * 32] = {};
  u32 pid = 0, count = 4;
  ASSERT_EQ(
      driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(), &count, reinterpret_cast<ProcessInfo*>(bytes)),
      kSuccess);
  std::memcpy(&pid, bytes + 32, sizeof pid);
  EXPECT_EQ(pid, 12U);
  count = 4;
  ASSERT_EQ(
      driver->nvmlDeviceGetComputeRunningProcesses_v2(driver.gpu(), &count, reinterpret_cast<ProcessInfo*>(bytes)),
      kSuccess);
  std::memcpy(&pid, bytes + 24, sizeof pid);  // only the _v3 calls are wider
  EXPECT_EQ(pid, 12U);
}

TEST(SimProcesses, DetailListIsForHopperAndChecksItsVersion) {
  Driver driver(
      "      - {model: h100_sxm, processes: [{pid: 11, memory: 5MiB}, {pid: 12, type: G}]}\n      - model: l4\n");
  ProcessDetail entries[4] = {};
  auto list = versioned<ProcessDetailList>();
  list.mode = kProcessAll;
  EXPECT_EQ(driver->nvmlDeviceGetRunningProcessDetailList(driver.gpu(), &list), kInsufficientSize);
  EXPECT_EQ(list.numProcArrayEntries, 2U);
  list.numProcArrayEntries = 4;
  list.procArray = entries;
  ASSERT_EQ(driver->nvmlDeviceGetRunningProcessDetailList(driver.gpu(), &list), kSuccess);
  EXPECT_EQ(list.numProcArrayEntries, 2U);
  EXPECT_EQ(entries[0].usedGpuMemory, 5ULL << 20U);
  EXPECT_EQ(driver->nvmlDeviceGetRunningProcessDetailList(driver.gpu(1), &list), kNotSupported);
  list.version = 1;
  EXPECT_EQ(driver->nvmlDeviceGetRunningProcessDetailList(driver.gpu(), &list), kArgumentVersionMismatch);
}

TEST(SimProcesses, OnMigTheIdsAreFilledIn) {
  Driver driver(
      "      - model: h100_sxm\n"
      "        mig: {layout: [{profile: 1g.10gb, start: 2}, {profile: 3g.40gb, start: 4, compute: [1c, 1c]}]}\n"
      "        processes: [{pid: 21, instance: 0}, {pid: 22, instance: 1, compute: 1}]\n");
  std::vector<ProcessInfo> entries(4);
  u32 count = 4;
  ASSERT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(), &count, entries.data()),
            kSuccess);  // the parent: all
  ASSERT_EQ(count, 2U);
  std::map<u32, std::pair<u32, u32>> where;
  for (u32 i = 0; i < count; ++i) where[entries[i].pid] = {entries[i].gpuInstanceId, entries[i].computeInstanceId};
  EXPECT_EQ(where[21], (std::pair<u32, u32>{9, 0}));
  EXPECT_EQ(where[22], (std::pair<u32, u32>{2, 1}));
  count = 4;
  ASSERT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.mig(0, 2), &count, entries.data()), kSuccess);
  ASSERT_EQ(count, 1U);
  EXPECT_EQ(entries[0].pid, 22U);
  count = 4;
  EXPECT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.mig(0, 1), &count, entries.data()), kSuccess);
  EXPECT_EQ(count, 0U);
  ProcessUtilizationSample samples[4];
  EXPECT_EQ(driver->nvmlDeviceGetProcessUtilization(driver.gpu(), samples, &count, 0), kNotSupported);
}

TEST(SimProcesses, UtilizationListsTheActiveOnesSinceLastSeen) {
  Driver driver(
      "      - {model: l40s, processes: [{pid: 31, sm: 40, start: -1h}, {pid: 32, sm: 0, start: -1h}, {pid: 33, sm: "
      "10, encoder: 7, start: -1h}]}\n");
  u32 count = 0;
  ASSERT_EQ(driver->nvmlDeviceGetProcessUtilization(driver.gpu(), nullptr, &count, 0), kInsufficientSize);
  ASSERT_GE(count, 4U);  // several rows per PID
  std::vector<ProcessUtilizationSample> rows(count + 8);
  count = static_cast<u32>(rows.size());
  ASSERT_EQ(driver->nvmlDeviceGetProcessUtilization(driver.gpu(), rows.data(), &count, 0), kSuccess);
  u64 newest = 0;
  const u64 now = static_cast<u64>(wall_microseconds());
  for (u32 i = 0; i < count; ++i) {
    EXPECT_NE(rows[i].pid, 32U);  // idle processes have no rows
    EXPECT_EQ(rows[i].smUtil, rows[i].pid == 31 ? 40U : 10U);
    EXPECT_EQ(rows[i].encUtil, rows[i].pid == 33 ? 7U : 0U);
    EXPECT_LE(rows[i].timeStamp, now);
    EXPECT_GT(rows[i].timeStamp, now - 10'000'000);  // wall clock
    newest = std::max(newest, rows[i].timeStamp);
  }
  count = static_cast<u32>(rows.size());
  EXPECT_EQ(driver->nvmlDeviceGetProcessUtilization(driver.gpu(), rows.data(), &count, now + 60'000'000), kNotFound);
  EXPECT_EQ(count, 0U);
  auto info = versioned<ProcessesUtilizationInfo>();
  info.lastSeenTimeStamp = newest - 1;
  ProcessUtilizationInfo newest_rows[16];
  info.processSamplesCount = 16;
  info.procUtilArray = newest_rows;
  ASSERT_EQ(driver->nvmlDeviceGetProcessesUtilizationInfo(driver.gpu(), &info), kSuccess);
  EXPECT_GE(info.processSamplesCount, 2U);
}

TEST(SimProcesses, ComeAndGoWithTheirWindows) {
  Driver driver(
      "      - model: l40s\n        processes: [{pid: 41, start: -1h, end: -1s}, {pid: 42, start: 1h}, {pid: 43, "
      "start: -10s},"
      " {pid: 44, start: -95s, end: -65s, every: 100s}]\n");
  std::vector<ProcessInfo> entries(8);
  u32 count = 8;
  ASSERT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(), &count, entries.data()), kSuccess);
  ASSERT_EQ(count, 1U);  // 44's next round starts in five seconds
  EXPECT_EQ(entries[0].pid, 43U);
}

TEST(SimProcesses, AThousandOnOneGpu) {
  TemporaryDirectory state;
  ::setenv("TESSERA_SIM_SCENARIO", shipped_scenario("thousand").c_str(), 1);
  ::setenv("TESSERA_SIM_STATE", state.path().c_str(), 1);
  const auto library = Library::open(built_library());
  ASSERT_TRUE(library);
  ASSERT_EQ((*library)->nvmlInit_v2(), kSuccess);
  Device gpu{};
  ASSERT_EQ((*library)->nvmlDeviceGetHandleByIndex_v2(0, &gpu), kSuccess);
  std::vector<ProcessInfo> entries(1000);
  u32 count = 1000;
  ASSERT_EQ((*library)->nvmlDeviceGetComputeRunningProcesses_v3(gpu, &count, entries.data()), kSuccess);
  EXPECT_EQ(count, 1000U);
  EXPECT_EQ((*library)->nvmlShutdown(), kSuccess);
}

}  // namespace
}  // namespace tessera::sim
