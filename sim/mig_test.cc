#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

#include "sim/faults.h"
#include "sim/fixture.h"
#include "sim/layout.h"

namespace tessera::sim {
namespace {

using namespace nvml::abi;

u32 profile_id(const Driver& driver, Device gpu, u32 index) {
  auto info = versioned<GpuInstanceProfileInfoV2>();
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceProfileInfoV(gpu, index, &info), kSuccess);
  return info.id;
}

// ---- Legality. The expected counts come from enumerating the published placement lists, not from this code.

struct Counts {
  std::size_t states, maximal, multisets;
};

// Every reachable set of placements, by `try_place` on a path of placements that it keeps.
class Walk {
 public:
  using Layout = std::set<std::pair<u32, u32>>;  // profile id, start
  struct Choice {
    u32 id, start;
  };
  Counts run(const std::vector<Choice>& choices, const std::function<bool(Choice)>& create,
             const std::function<void()>& undo) {
    visit({}, choices, create, undo);
    std::set<std::multiset<u32>> kinds;
    for (const Layout& layout : maximal_) {
      std::multiset<u32> kind;
      for (const auto& [id, start] : layout) kind.insert(id);
      kinds.insert(kind);
    }
    return {seen_.size(), maximal_.size(), kinds.size()};
  }

 private:
  void visit(const Layout& layout, const std::vector<Choice>& choices, const std::function<bool(Choice)>& create,
             const std::function<void()>& undo) {
    if (!seen_.insert(layout).second) return;
    bool grew = false;
    for (const Choice& choice : choices) {
      if (!create(choice)) continue;
      grew = true;
      Layout next = layout;
      next.insert({choice.id, choice.start});
      visit(next, choices, create, undo);
      undo();
    }
    if (!grew) maximal_.insert(layout);
  }
  std::set<Layout> seen_, maximal_;
};

// Through the library's own create and destroy calls.
Counts walk_library(const Driver& driver, Device gpu, const std::vector<u32>& indices) {
  std::vector<Walk::Choice> choices;
  std::map<u32, u32> sizes;
  for (const u32 index : indices) {
    const u32 id = profile_id(driver, gpu, index);
    Placement places[16];
    u32 count = 16;
    EXPECT_EQ(driver->nvmlDeviceGetGpuInstancePossiblePlacements_v2(gpu, id, places, &count), kSuccess);
    for (u32 i = 0; i < count; ++i) choices.push_back({id, places[i].start});
    sizes[id] = places[0].size;
  }
  std::vector<GpuInstance> path;
  const auto create = [&](Walk::Choice choice) {
    const Placement place{choice.start, sizes[choice.id]};
    GpuInstance made{};
    const Return code = driver->nvmlDeviceCreateGpuInstanceWithPlacement(gpu, choice.id, &place, &made);
    EXPECT_TRUE(code == kSuccess || code == kInsufficientResources) << code;
    if (code == kSuccess) path.push_back(made);
    return code == kSuccess;
  };
  const auto undo = [&] {
    EXPECT_EQ(driver->nvmlGpuInstanceDestroy(path.back()), kSuccess);
    path.pop_back();
  };
  return Walk().run(choices, create, undo);
}

// Straight on the placement rule: fast enough for every family.
Counts walk_rule(const MigFamily& family, const std::vector<u32>& indices) {
  std::vector<Walk::Choice> choices;
  for (const u32 index : indices)
    for (const char c : family.by_index(index)->starts)
      choices.push_back({family.by_index(index)->id, static_cast<u32>(c - '0')});
  std::vector<Placed> path;
  const auto create = [&](Walk::Choice choice) {
    const MigProfile* profile = family.by_id(choice.id);
    if (!fits(family, path, *profile, choice.start)) return false;
    path.push_back({profile, choice.start});
    return true;
  };
  return Walk().run(choices, create, [&] { path.pop_back(); });
}

const std::vector<u32> kEightSlots = {kGi1Slice, kGi2Slice, kGi3Slice, kGi4Slice, kGi7Slice};
const std::vector<u32> kFourSlots = {kGi1Slice, kGi2Slice, kGi4Slice};

TEST(MigLegality, TheDriverAllowsExactlyTheLegalLayoutsOfAnH100) {
  Driver driver("      - {model: h100_sxm, mig: {}}\n");
  const Counts counts = walk_library(driver, driver.gpu(), kEightSlots);
  EXPECT_EQ(counts.states, 298U);
  EXPECT_EQ(counts.maximal, 19U);
  EXPECT_EQ(counts.multisets, 14U);
}

TEST(MigLegality, AndOfAnA30AndARtxPro6000) {
  Driver driver("      - {model: a30, mig: {}}\n      - {model: rtx_pro_6000, mig: {}}\n");
  for (unsigned gpu = 0; gpu < 2; ++gpu) {
    const Counts counts = walk_library(driver, driver.gpu(gpu), kFourSlots);
    EXPECT_EQ(counts.states, 26U);
    EXPECT_EQ(counts.maximal, 5U);
    EXPECT_EQ(counts.multisets, 4U);
  }
}

TEST(MigLegality, HoldsForEveryFamily) {
  for (const MigFamily* family : {&kMigA100_40, &kMigA100_80, &kMigH100Pcie, &kMigH100Sxm, &kMigH200, &kMigB200}) {
    Counts counts = walk_rule(*family, kEightSlots);
    EXPECT_EQ(counts.states, 298U);
    EXPECT_EQ(counts.maximal, 19U);
    auto with_double = kEightSlots;
    with_double.push_back(kGi1SliceDoubleMemory);
    counts = walk_rule(*family, with_double);
    EXPECT_EQ(counts.states, 723U);
    EXPECT_EQ(counts.maximal, 78U);
    EXPECT_EQ(counts.multisets, 38U);
  }
  for (const MigFamily* family : {&kMigA30, &kMigRtxPro6000}) EXPECT_EQ(walk_rule(*family, kFourSlots).states, 26U);
}

TEST(MigLegality, OneMediaInstanceOnly) {
  Driver driver("      - {model: h100_sxm, mig: {}}\n");
  const u32 media = profile_id(driver, driver.gpu(), kGi1SliceMedia);
  GpuInstance first{}, second{};
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstance(driver.gpu(), media, &first), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstance(driver.gpu(), media, &second), kInsufficientResources);
  u32 left = 9;
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceRemainingCapacity(driver.gpu(), media, &left), kSuccess);
  EXPECT_EQ(left, 0U);
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceRemainingCapacity(driver.gpu(), profile_id(driver, driver.gpu(), kGi1Slice),
                                                              &left),
            kSuccess);
  EXPECT_EQ(left, 6U);
}

// ---- Devices, handles, attributes.

constexpr const char* kTwoSlices =
    "      - model: h100_sxm\n"
    "        mig:\n"
    "          layout:\n"
    "            - {profile: 3g.40gb, start: 4, compute: [1c, 2c]}\n"
    "            - {profile: 2g.20gb, start: 0}\n"
    "        processes:\n"
    "          - {pid: 77, memory: 3GiB, instance: 0, compute: 1}\n";

TEST(MigDevices, HaveIdsNamesAndAttributes) {
  Driver driver(kTwoSlices);
  u32 most = 0;
  ASSERT_EQ(driver->nvmlDeviceGetMaxMigDeviceCount(driver.gpu(), &most), kSuccess);
  EXPECT_EQ(most, 7U);
  struct Case {
    u32 gi, ci, sm, gi_slices, ci_slices;
    const char* name;
  } const kCases[] = {{2, 0, 16, 3, 1, "NVIDIA H100 80GB HBM3 MIG 1c.3g.40gb"},
                      {2, 1, 32, 3, 2, "NVIDIA H100 80GB HBM3 MIG 2c.3g.40gb"},
                      {3, 0, 32, 2, 2, "NVIDIA H100 80GB HBM3 MIG 2g.20gb"}};
  for (unsigned slot = 0; slot < std::size(kCases); ++slot) {
    const Device mig = driver.mig(0, slot);
    u32 gi = 0, ci = 0, is_mig = 0;
    EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceId(mig, &gi), kSuccess);
    EXPECT_EQ(driver->nvmlDeviceGetComputeInstanceId(mig, &ci), kSuccess);
    EXPECT_EQ(gi, kCases[slot].gi);
    EXPECT_EQ(ci, kCases[slot].ci);
    EXPECT_EQ(driver->nvmlDeviceIsMigDeviceHandle(mig, &is_mig), kSuccess);
    EXPECT_EQ(is_mig, 1U);
    char name[kNameBuffer];
    EXPECT_EQ(driver->nvmlDeviceGetName(mig, name, sizeof name), kSuccess);
    EXPECT_STREQ(name, kCases[slot].name);
    DeviceAttributes attributes{};
    EXPECT_EQ(driver->nvmlDeviceGetAttributes_v2(mig, &attributes), kSuccess);
    EXPECT_EQ(attributes.multiprocessorCount, kCases[slot].sm);
    EXPECT_EQ(attributes.gpuInstanceSliceCount, kCases[slot].gi_slices);
    EXPECT_EQ(attributes.computeInstanceSliceCount, kCases[slot].ci_slices);
    Device parent{}, none{};
    EXPECT_EQ(driver->nvmlDeviceGetDeviceHandleFromMigDeviceHandle(mig, &parent), kSuccess);
    EXPECT_EQ(parent, driver.gpu());
    EXPECT_EQ(driver->nvmlDeviceGetMigDeviceHandleByIndex(mig, 0, &none), kNotSupported);
  }
  Device none{};
  EXPECT_EQ(driver->nvmlDeviceGetMigDeviceHandleByIndex(driver.gpu(), 3, &none), kNotFound);
  EXPECT_EQ(driver->nvmlDeviceGetMigDeviceHandleByIndex(driver.gpu(), 7, &none), kInvalidArgument);
}

TEST(MigDevices, WhatWorksWhereInMigMode) {
  Driver driver(kTwoSlices);
  Utilization use{};
  EXPECT_EQ(driver->nvmlDeviceGetUtilizationRates(driver.gpu(), &use), kNotSupported);
  EXPECT_EQ(driver->nvmlDeviceGetUtilizationRates(driver.mig(0, 0), &use), kNotSupported);
  u32 a = 0, b = 0, c = 0, d = 0;
  EXPECT_EQ(driver->nvmlDeviceGetEncoderUtilization(driver.gpu(), &a, &b), kNotSupported);
  EXPECT_EQ(driver->nvmlDeviceGetRemappedRows(driver.gpu(), &a, &b, &c, &d), kNotSupported);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(driver.gpu(), &a), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetPowerUsage(driver.mig(0, 0), &a), kNotSupported);
  int mode = 0;
  EXPECT_EQ(driver->nvmlDeviceGetComputeMode(driver.gpu(), &mode), kNotSupported);
  EXPECT_EQ(driver->nvmlDeviceGetComputeMode(driver.mig(0, 0), &mode), kSuccess);
  auto memory = versioned<MemoryV2>();
  EXPECT_EQ(driver->nvmlDeviceGetMemoryInfo_v2(driver.mig(0, 0), &memory), kSuccess);
  EXPECT_EQ(memory.total, 40448ULL << 20U);
  EXPECT_EQ(memory.used, 3ULL << 30U);  // shared by both compute instances
  u64 count = 0;
  EXPECT_EQ(driver->nvmlDeviceGetMemoryErrorCounter(driver.gpu(), kEccUncorrected, kEccVolatile, kEccL2, &count),
            kNotSupported);
  EXPECT_EQ(driver->nvmlDeviceGetMemoryErrorCounter(driver.mig(0, 0), kEccUncorrected, kEccVolatile, kEccL2, &count),
            kSuccess);
}

TEST(MigDevices, UnprivilegedCallersSeeLess) {
  Driver driver(kTwoSlices, "current", "    driver: {unprivileged: true}\n");
  Memory memory{};
  u32 count = 0;
  EXPECT_EQ(driver->nvmlDeviceGetMemoryInfo(driver.gpu(), &memory), kNoPermission);
  EXPECT_EQ(driver->nvmlDeviceGetComputeRunningProcesses_v3(driver.gpu(), &count, nullptr), kNoPermission);
  EXPECT_EQ(driver->nvmlDeviceGetMemoryInfo(driver.mig(0, 0), &memory), kSuccess);
  GpuInstance gi{};
  Placement places[16];
  u32 places_count = 16;
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceById(driver.gpu(), 2, &gi), kNoPermission);
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstance(driver.gpu(), 19, &gi), kNoPermission);
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstancePossiblePlacements_v2(driver.gpu(), 19, places, &places_count),
            kNoPermission);
  Return activation{};
  EXPECT_EQ(driver->nvmlDeviceSetMigMode(driver.gpu(), 0, &activation), kNoPermission);
  ASSERT_TRUE(fault_denied(driver.node(), std::nullopt, true));  // root again
  EXPECT_EQ(driver->nvmlDeviceGetGpuInstanceById(driver.gpu(), 2, &gi), kSuccess);
}

// ---- Creating and destroying.

TEST(MigChanges, AnInstanceInUseStays) {
  Driver driver(kTwoSlices);
  GpuInstance gi{};
  ASSERT_EQ(driver->nvmlDeviceGetGpuInstanceById(driver.gpu(), 2, &gi), kSuccess);
  ComputeInstance idle{}, used{};
  ASSERT_EQ(driver->nvmlGpuInstanceGetComputeInstanceById(gi, 0, &idle), kSuccess);
  ASSERT_EQ(driver->nvmlGpuInstanceGetComputeInstanceById(gi, 1, &used), kSuccess);
  EXPECT_EQ(driver->nvmlComputeInstanceDestroy(used), kInUse);
  EXPECT_EQ(driver->nvmlGpuInstanceDestroy(gi), kInUse);
  EXPECT_EQ(driver->nvmlComputeInstanceDestroy(idle), kSuccess);
  Device none{};
  EXPECT_EQ(driver->nvmlDeviceGetMigDeviceHandleByIndex(driver.gpu(), 0, &none), kNotFound);  // a hole in front
  u32 id = 0;
  EXPECT_EQ(driver->nvmlDeviceGetComputeInstanceId(driver.mig(0, 1), &id), kSuccess);
  EXPECT_EQ(id, 1U);
}

TEST(MigChanges, ANewInstanceInAnOldPlaceHasTheOldIdAndHandleAndANewUuid) {
  Driver driver(kTwoSlices);
  const Device mig = driver.mig(0, 2);
  char before[kUuidBuffer], after[kUuidBuffer];
  ASSERT_EQ(driver->nvmlDeviceGetUUID(mig, before, sizeof before), kSuccess);
  GpuInstance gi{};
  ComputeInstance ci{};
  ASSERT_EQ(driver->nvmlDeviceGetGpuInstanceById(driver.gpu(), 3, &gi), kSuccess);
  ASSERT_EQ(driver->nvmlGpuInstanceGetComputeInstanceById(gi, 0, &ci), kSuccess);
  ASSERT_EQ(driver->nvmlComputeInstanceDestroy(ci), kSuccess);
  ASSERT_EQ(driver->nvmlGpuInstanceDestroy(gi), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetUUID(mig, after, sizeof after), kInvalidArgument);  // the handle is stale
  GpuInstanceInfo info{};
  EXPECT_EQ(driver->nvmlGpuInstanceGetInfo(gi, &info), kInvalidArgument);

  const u32 id = profile_id(driver, driver.gpu(), kGi2Slice);
  const Placement place{0, 2};
  GpuInstance again{};
  ASSERT_EQ(driver->nvmlDeviceCreateGpuInstanceWithPlacement(driver.gpu(), id, &place, &again), kSuccess);
  ASSERT_EQ(driver->nvmlGpuInstanceCreateComputeInstance(again, kCi2Slice, &ci), kSuccess);
  ASSERT_EQ(driver->nvmlGpuInstanceGetInfo(again, &info), kSuccess);
  EXPECT_EQ(info.id, 3U);
  EXPECT_EQ(info.placement.start, 0U);
  EXPECT_EQ(driver->nvmlGpuInstanceGetInfo(gi, &info), kInvalidArgument);    // the old handle is not the new instance
  ASSERT_EQ(driver->nvmlDeviceGetUUID(mig, after, sizeof after), kSuccess);  // but the device handle is
  EXPECT_STRNE(before, after);
}

TEST(MigChanges, PlacementsAreExact) {
  Driver driver("      - {model: h100_sxm, mig: {}}\n");
  const u32 three = profile_id(driver, driver.gpu(), kGi3Slice);
  GpuInstance gi{};
  const Placement odd{2, 4}, wrong_size{0, 3}, first{0, 4};
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstanceWithPlacement(driver.gpu(), three, &odd, &gi), kInvalidArgument);
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstanceWithPlacement(driver.gpu(), three, &wrong_size, &gi), kInvalidArgument);
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstanceWithPlacement(driver.gpu(), three, &first, &gi), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstanceWithPlacement(driver.gpu(), three, &first, &gi), kInsufficientResources);
  EXPECT_EQ(driver->nvmlDeviceCreateGpuInstance(driver.gpu(), 12345, &gi), kInvalidArgument);
}

TEST(MigChanges, ModeIsImmediateOnHopperAndPendingOnAmpere) {
  Driver driver(
      "      - model: h100_sxm\n      - model: a100_sxm4_40gb\n      - model: l4\n"
      "      - {model: h100_sxm, processes: [{pid: 9}]}\n");
  Return activation = kUnknownError;
  u32 current = 9, pending = 9;
  ASSERT_EQ(driver->nvmlDeviceSetMigMode(driver.gpu(0), 1, &activation), kSuccess);
  EXPECT_EQ(activation, kSuccess);
  ASSERT_EQ(driver->nvmlDeviceGetMigMode(driver.gpu(0), &current, &pending), kSuccess);
  EXPECT_EQ(current + pending, 2U);

  ASSERT_EQ(driver->nvmlDeviceSetMigMode(driver.gpu(1), 1, &activation), kSuccess);
  EXPECT_EQ(activation, kResetRequired);
  ASSERT_EQ(driver->nvmlDeviceGetMigMode(driver.gpu(1), &current, &pending), kSuccess);
  EXPECT_EQ(current, 0U);
  EXPECT_EQ(pending, 1U);
  ASSERT_EQ(run_tool("reset --gpu 1").code, 0);
  ASSERT_EQ(driver->nvmlDeviceGetMigMode(driver.gpu(1), &current, &pending), kSuccess);
  EXPECT_EQ(current, 1U);

  EXPECT_EQ(driver->nvmlDeviceSetMigMode(driver.gpu(2), 1, &activation), kNotSupported);
  ASSERT_EQ(driver->nvmlDeviceSetMigMode(driver.gpu(3), 1, &activation), kSuccess);
  EXPECT_EQ(activation, kInUse);
}

// ---- Two processes, one node.

TEST(MigChanges, AnotherProcessSeesThemAndTheyLast) {
  Driver driver("      - {model: h100_sxm, mig: {}}\n");
  GpuInstance gi{};
  ComputeInstance ci{};
  ASSERT_EQ(driver->nvmlDeviceCreateGpuInstance(driver.gpu(), profile_id(driver, driver.gpu(), kGi3Slice), &gi),
            kSuccess);
  ASSERT_EQ(driver->nvmlGpuInstanceCreateComputeInstance(gi, kCi3Slice, &ci), kSuccess);
  char uuid[kUuidBuffer];
  ASSERT_EQ(driver->nvmlDeviceGetUUID(driver.mig(0, 0), uuid, sizeof uuid), kSuccess);
  const Finished listed = run_tool("mig list");
  EXPECT_EQ(listed.code, 0);
  EXPECT_NE(listed.output.find(uuid), std::string::npos) << listed.output;

  ASSERT_EQ(run_tool("mig create --gpu 0 --profile 1g.10gb --start 3").code, 0);
  char name[kNameBuffer];
  ASSERT_EQ(driver->nvmlDeviceGetName(driver.mig(0, 1), name, sizeof name), kSuccess);  // without init anew
  EXPECT_STREQ(name, "NVIDIA H100 80GB HBM3 MIG 1g.10gb");
  const Finished refused = run_tool("mig create --gpu 0 --profile 4g.40gb");
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.output.find("Insufficient Resources"), std::string::npos) << refused.output;

  ASSERT_EQ(driver->nvmlShutdown(), kSuccess);
  ASSERT_EQ(driver->nvmlInit_v2(), kSuccess);
  EXPECT_EQ(driver->nvmlDeviceGetName(driver.mig(0, 1), name, sizeof name), kSuccess);
}

TEST(MigChanges, CountersNeverFallWhenTheLayoutChanges) {
  Driver driver(
      "      - model: h100_sxm\n        mig: {layout: [{profile: 3g.40gb, start: 4, load: 90}, {profile: 1g.10gb, "
      "start: 0, load: 50}]}\n");
  const auto energy = [&] {
    u64 value = 0;
    EXPECT_EQ(driver->nvmlDeviceGetTotalEnergyConsumption(driver.gpu(), &value), kSuccess);
    return value;
  };
  u64 last = energy();
  for (const char* change :
       {"mig destroy --gpu 0 --gi 2", "mig create --gpu 0 --profile 2g.20gb", "mig destroy --gpu 0 --gi 7"}) {
    ASSERT_EQ(run_tool(change).code, 0) << change;
    const u64 now = energy();
    EXPECT_GE(now, last) << change;
    last = now;
  }
}

}  // namespace
}  // namespace tessera::sim
