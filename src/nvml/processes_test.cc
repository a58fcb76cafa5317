#include "nvml/processes.h"

#include <gtest/gtest.h>

#include <cstring>

#include "nvml/fake_driver.h"

using namespace std::chrono_literals;

namespace tessera::nvml {
namespace {

constexpr std::uint64_t kMib = 1024 * 1024;
constexpr std::uint64_t kMost = 80 * 1024 * kMib;

/// As a driver fills the buffer: `count` entries `stride` apart, the rest as it was.
std::vector<std::byte> written(std::size_t count, Stride stride) {
  std::vector<std::byte> out(count * 32);
  for (std::size_t i = 0; i < count; ++i) {
    const abi::ProcessDetail entry{static_cast<unsigned>(100 + i), (i + 1) * kMib, 1, static_cast<unsigned>(i), 0};
    std::memcpy(out.data() + i * static_cast<std::size_t>(stride), &entry, static_cast<std::size_t>(stride));
  }
  return out;
}

std::vector<ProcessEntry> expected(std::size_t count, bool ids) {
  std::vector<ProcessEntry> out;
  for (unsigned i = 0; i < count; ++i)
    out.push_back(
        {100 + i, (i + 1) * kMib, ids ? std::optional(1U) : std::nullopt, ids ? std::optional(i) : std::nullopt});
  return out;
}

std::vector<ProcessEntry> decoded(std::span<const std::byte> raw, std::size_t count, Stride usual) {
  return decode_processes(raw, count, written_stride(raw, count, usual, kMost));
}

TEST(DecodeProcesses, ReadsEveryStride) {
  for (const std::size_t count : {0U, 1U, 2U, 7U})
    for (const Stride stride : {Stride::Usual, Stride::Wide})
      EXPECT_EQ(decoded(written(count, stride), count, stride), expected(count, true));
  // Of the second entry of two in the instance (0, 0), a wide list leaves nothing behind the usual end.
  std::vector<std::byte> first(64);
  const abi::ProcessDetail entries[] = {{5, kMib, 0, 0, 0}, {6, kMib, 0, 0, 0}};
  std::memcpy(first.data(), entries, sizeof entries);
  EXPECT_EQ(decoded(first, 2, Stride::Wide).at(1).pid, 6U);
  EXPECT_EQ(decoded(written(3, Stride::Narrow), 3, Stride::Narrow), expected(3, false));
}

TEST(DecodeProcesses, TakesTheStrideThatMakesSense) {
  for (const std::size_t count : {2U, 3U, 9U}) {
    EXPECT_EQ(decoded(written(count, Stride::Wide), count, Stride::Usual), expected(count, true));
    EXPECT_EQ(decoded(written(count, Stride::Usual), count, Stride::Wide), expected(count, true));
  }
}

TEST(DecodeProcesses, DropsWhatIsNoValue) {
  std::vector<std::byte> raw(32);
  const abi::ProcessInfo entry{7, abi::kNoValue64, abi::kNoInstance, abi::kNoInstance};
  std::memcpy(raw.data(), &entry, sizeof entry);
  const std::vector<ProcessEntry> want{{7, std::nullopt, std::nullopt, std::nullopt}};
  EXPECT_EQ(decoded(raw, 1, Stride::Usual), want);
  EXPECT_EQ(decoded(raw, 99, Stride::Usual), want) << "never beyond the buffer";
}

TEST(WritesWideEntries, KnowsTheBranchByWhatItExports) {
  Api api;
  EXPECT_FALSE(writes_wide_entries(api));
  api.nvmlDeviceGetConfComputeMemSizeInfo = [](abi::Device, abi::ConfComputeMemSizeInfo*) { return abi::kSuccess; };
  EXPECT_TRUE(writes_wide_entries(api));
  api.nvmlDeviceGetRunningProcessDetailList = [](abi::Device, abi::ProcessDetailList*) { return abi::kSuccess; };
  EXPECT_FALSE(writes_wide_entries(api));
}

TEST(MergeProcesses, MakesOneOfEveryList) {
  std::vector<gpu::Process> out;
  merge_processes(out, {{20, 5 * kMib, {}, {}}, {10, 3 * kMib, {}, {}}, {10, kMib, 1, 0}}, ProcessList::Compute);
  merge_processes(out, {{20, 5 * kMib, {}, {}}, {30, {}, {}, {}}}, ProcessList::Graphics);
  merge_processes(out, {{10, 3 * kMib, {}, {}}}, ProcessList::Mps);
  ASSERT_EQ(out.size(), 4U) << "one PID on a device and on an instance are two";
  EXPECT_EQ(out[0].pid, 10U);
  EXPECT_TRUE(out[0].compute && out[0].mps && !out[0].graphics);
  EXPECT_EQ(out[1].gpu_instance, 1U);
  EXPECT_EQ(out[2].used_memory_bytes, 5 * kMib) << "the same memory told twice is not twice the memory";
  EXPECT_TRUE(out[2].compute && out[2].graphics);
  EXPECT_EQ(out[3].used_memory_bytes, std::nullopt);
}

TEST(MeanShares, AveragesEachPidAndDropsOldAndAbsurdSamples) {
  const abi::ProcessUtilizationSample samples[] = {
      {1, 100, 90, 90, 0, 0}, {1, 200, 10, 2, 0, 0},  {1, 300, 30, 4, 0, 0},
      {2, 300, 50, 0, 0, 0},  {3, 300, ~0U, 0, 0, 0}, {0, 300, 5, 5, 0, 0},
  };
  const auto shares = mean_shares(samples, 100);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(shares.at(1).sm_percent, 20);
  EXPECT_EQ(shares.at(1).memory_percent, 3);
  EXPECT_EQ(shares.at(2).sm_percent, 50);
}

class Processes : public testing::Test {
 protected:
  Asking asking() {
    return Asking(driver.api, device(), Asking::Handle::Device, memory, [] { return SteadyTime{} + 1h; });
  }
  static abi::Device device() { return reinterpret_cast<abi::Device>(std::uintptr_t{1}); }
  FakeDriver driver;
  CallMemory memory{"GPU 0"};
};

TEST_F(Processes, AreReadHoweverManyThereAre) {
  for (unsigned i = 0; i < 1000; ++i) driver.processes.push_back({1000 + i, kMib, abi::kNoInstance, abi::kNoInstance});
  ProcessLists lists(false);
  for (int round = 0; round < 2; ++round) {
    auto ask = asking();
    std::vector<gpu::Process> out;
    lists.read(ask, false, kMost, out);
    ASSERT_EQ(out.size(), 1000U);
    EXPECT_EQ(out.back().pid, 1999U);
  }
  EXPECT_EQ(driver.calls["processes"], 3) << "the buffer keeps its size, so the second round needs one call";
}

TEST_F(Processes, ThatDidNothingUsedNothing) {
  ProcessUtilization utilization;
  std::vector<gpu::Process> running(2);
  running[0].pid = 1;
  running[1].pid = 2;
  const auto read = [&](std::uint64_t wall_us) {
    auto ask = asking();
    for (auto& process : running) process.sm_util_percent.reset();
    utilization.read(ask, wall_us, running);
  };
  driver.samples = {{1, 500'000, 99, 99, 0, 0}};
  read(1'000'000);
  EXPECT_EQ(running[0].sm_util_percent, std::nullopt) << "what was before the first look is not asked for";
  driver.samples = {{1, 500'000, 99, 99, 0, 0}, {1, 1'500'000, 40, 8, 0, 0}};
  read(2'000'000);
  EXPECT_EQ(running[0].sm_util_percent, 40);
  EXPECT_EQ(running[0].memory_util_percent, 8);
  EXPECT_EQ(running[1].sm_util_percent, 0);
  read(2'500'000);
  EXPECT_EQ(running[0].sm_util_percent, 40) << "too soon to say that it is idle";
  EXPECT_EQ(running[1].sm_util_percent, 0);
  driver.samples.push_back({2, 2'600'000, 60, 6, 0, 0});
  read(2'700'000);
  EXPECT_EQ(running[1].sm_util_percent, 60) << "but not to say that it is busy";
  read(3'000'000);
  EXPECT_EQ(running[1].sm_util_percent, 60);
  EXPECT_EQ(running[0].sm_util_percent, 0) << "no new sample: idle";
  read(900'000);
  EXPECT_EQ(running[0].sm_util_percent, std::nullopt) << "the clock was set back";
  driver.samples = {{1, 1'000'000, 70, 7, 0, 0}};
  read(1'100'000);
  EXPECT_EQ(running[0].sm_util_percent, 70);
  EXPECT_EQ(running[1].sm_util_percent, std::nullopt) << "too soon to say anything of this one";
}

}  // namespace
}  // namespace tessera::nvml
