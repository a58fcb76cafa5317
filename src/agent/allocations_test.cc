#include "agent/allocations.h"

#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {

std::string no_uid(const std::string&, const std::string&) { return {}; }

AllocationState match(const std::vector<kube::HeldDevice>& held, const Observation& seen = sample_observation()) {
  KubeletReply reply;
  reply.known = true;
  reply.held = held;
  return match_allocations(reply, seen.snapshot, seen.sessions, no_uid);
}

kube::HeldDevice held(const Workload& w, std::string id) {
  return {w.space, w.pod, w.container, "nvidia.com/gpu", std::move(id)};
}

TEST(MatchAllocations, EveryFormOfIdFindsItsSubject) {
  const struct {
    const char* id;
    const char* gpu;
  } kCases[] = {{"GPU-00000000-0000-0000-0000-000000000000", "0"},
                {"gpu-00000000-0000-0000-0000-000000000000", "0"},
                {"GPU-00000000-0000-0000-0000-000000000000::3", "0"},
                {"MIG-00000003-0000-0000-0000-000000000000", "1_3_0"},
                {"MIG-GPU-00000001-0000-0000-0000-000000000000/5/0", "1_5_0"},
                {"nvidia1", "1"},
                {"nvidia1/gi3", "1_3_0"},
                {"nvidia0/vgpu2", "0"},
                {"gpu-1", "1"},
                {"gpu-1-mig-2g20gb-14-2", "1_3_0"}};
  for (const auto& c : kCases) {
    const auto state = match({held(kTrain, c.id)});
    ASSERT_EQ(state.list.size(), 1U) << c.id;
    EXPECT_EQ(state.list[0].subject.gpu, c.gpu) << c.id;
    EXPECT_EQ(state.unmatched, 0U);
  }
}

TEST(MatchAllocations, WhatIsNotHereIsCountedNotInvented) {
  const auto state = match({held(kTrain, "GPU-ffffffff-0000-0000-0000-000000000000"), held(kTrain, "all")});
  EXPECT_TRUE(state.list.empty());
  EXPECT_EQ(state.unmatched, 2U);
}

TEST(MatchAllocations, ADraInstanceThatIsNotThereIsNotTheWholeGpu) {
  EXPECT_EQ(match({held(kTrain, "gpu-1-mig-2g20gb-14-4")}).unmatched, 1U);
  EXPECT_EQ(match({held(kTrain, "gpu-1-mig-7g80gb-0-0")}).unmatched, 1U);
}

TEST(MatchAllocations, OfTwoHoldersOfOneGpuTheOneWithProcessesStands) {
  const std::string gpu = "GPU-00000000-0000-0000-0000-000000000000";
  const Workload ended{"ml", "train-old", "main", ""};
  const auto state = match({held(ended, gpu), held(kTrain, gpu)});
  ASSERT_EQ(state.list.size(), 1U);
  EXPECT_EQ(state.list[0].workload.pod, "train-0");
}

TEST(MatchAllocations, OfADeviceThatDoesNotAnswerItIsNotSaidThatItIsIdle) {
  auto seen = sample_observation();
  seen.snapshot.devices[0].health = gpu::Health::Slow;
  seen.sessions.clear();
  const auto state = match({held(kTrain, "GPU-00000000-0000-0000-0000-000000000000")}, seen);
  ASSERT_EQ(state.list.size(), 1U);
  EXPECT_EQ(state.list[0].used, std::nullopt);
}

TEST(MatchAllocations, ReplicasOfOneContainerAreOneAllocation) {
  const std::string gpu = "GPU-00000000-0000-0000-0000-000000000000";
  const auto state = match({held(kTrain, gpu + "::0"), held(kTrain, gpu + "::2"), held(kServe, gpu + "::1")});
  ASSERT_EQ(state.list.size(), 2U);
  for (const auto& a : state.list) {
    EXPECT_TRUE(a.shared);
    EXPECT_EQ(a.replicas, a.workload.pod == "train-0" ? 2U : 1U);
    EXPECT_EQ(a.used, a.workload.pod == "train-0") << "serve-0 runs elsewhere: here it is held but idle";
  }
}

}  // namespace
}  // namespace tessera::agent
