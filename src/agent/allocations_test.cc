#include "agent/allocations.h"

#include <gtest/gtest.h>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {

std::string no_uid(const std::string&, const std::string&) { return {}; }

AllocationState match(const std::vector<kube::HeldDevice>& held, const Observation& seen = sample_observation()) {
  KubeletReply reply;
  reply.known = true;
  reply.asked = seen.time;
  reply.held = held;
  Observation judged = seen;
  judged.allocations = match_allocations(reply, seen.snapshot, seen.sessions, no_uid);
  judge_use(judged);
  return judged.allocations;
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

/// What is held by train-0 and what runs there; what may be said of its use, and of the process's right to be there.
struct Case {
  const char* what;
  Session session;
  std::optional<bool> used;
  bool unallocated;
};

constexpr const char* kGpu0 = "GPU-00000000-0000-0000-0000-000000000000";

Session runs(const Workload& workload, Outcome outcome, const Subject& subject = subject_of(whole_device(0))) {
  Session s = session(subject, 77, workload);
  s.outcome = outcome;
  return s;
}

TEST(JudgeUse, SaysIdleAndUnallocatedOnlyWhereThatIsSure) {
  const Workload uid_only{"", "", "", kTrain.pod_uid};
  const Workload other_uid{"", "", "", kServe.pod_uid};
  const Subject instance = subject_of(mig_device(1), mig_device(1).instances[0]);
  Session since = runs(kServe, Outcome::Pod);
  since.start_time = sample_observation().time;
  Session unknown_start = runs(kServe, Outcome::Pod);
  unknown_start.start_time = 0;
  const Case cases[] = {{"its own", runs(kTrain, Outcome::Pod), true, false},
                        {"its own, named by the kubelet", runs(kTrain, Outcome::Holder), true, false},
                        {"its own by UID", runs(uid_only, Outcome::Unnamed), true, false},
                        {"another pod's", runs(kServe, Outcome::Pod), false, true},
                        {"another pod's by UID", runs(other_uid, Outcome::Unnamed), false, true},
                        {"another pod's that began since the kubelet was asked", since, std::nullopt, false},
                        {"another pod's whose start is not known", unknown_start, false, true},
                        {"the host's", runs({}, Outcome::Host), false, false},
                        {"one that ended", runs({}, Outcome::Gone), std::nullopt, false},
                        {"one that may not be read", runs({}, Outcome::NoAccess), std::nullopt, false},
                        {"one of two pods", runs({}, Outcome::Conflict), std::nullopt, false},
                        {"one that may not be read, elsewhere", runs({}, Outcome::NoAccess, instance), false, false}};
  for (const auto& c : cases) {
    Observation seen = sample_observation();
    seen.sessions = {c.session};
    seen.allocations.list = {{subject_of(seen.snapshot.devices[0]), kTrain, "nvidia.com/gpu", false, 0, {}}};
    judge_use(seen);
    EXPECT_EQ(seen.allocations.list[0].used, c.used) << c.what;
    EXPECT_EQ(seen.sessions[0].unallocated, c.unallocated) << c.what;
    // The holder's own process settles it, whatever else runs there.
    seen.sessions.push_back(runs(kTrain, Outcome::Pod));
    judge_use(seen);
    EXPECT_EQ(seen.allocations.list[0].used, true) << c.what;
  }
}

TEST(JudgeUse, WithoutTheHoldersUidAPodWithoutANameMayBeIt) {
  const Session unnamed = runs({"", "", "", "99999999-2222-3333-4444-555555555555"}, Outcome::Unnamed);
  Observation seen = sample_observation();
  seen.sessions = {unnamed};
  seen.allocations = match({held(kTrain, kGpu0)}, seen);
  EXPECT_EQ(seen.allocations.list[0].used, std::nullopt);
  const auto is_accused = [&] {
    judge_use(seen);
    return seen.sessions[0].unallocated;
  };
  EXPECT_FALSE(is_accused());
  seen.allocations.list.clear();
  EXPECT_TRUE(is_accused()) << "nobody holds that device";
  seen.allocations = match({held(kServe, "tegra")}, seen);
  EXPECT_FALSE(is_accused()) << "serve-0 holds something that is not known here: maybe this";
}

TEST(JudgeUse, WhereTheInstanceIsNotSaidAnyCanBeMeant) {
  Observation seen = sample_observation();
  seen.sessions = {runs(kTrain, Outcome::Pod, subject_of(seen.snapshot.devices[1]))};
  const auto state = match({held(kTrain, "MIG-00000003-0000-0000-0000-000000000000")}, seen);
  EXPECT_EQ(state.list[0].used, std::nullopt);
}

TEST(JudgeUse, ACgroupThatIsCutOffMayHideAPod) {
  Observation seen = sample_observation();
  seen.sessions = {runs({}, Outcome::Host)};
  EXPECT_EQ(match({held(kTrain, kGpu0)}, seen).list[0].used, false);
  seen.blindness.cgroup_namespaced = true;
  EXPECT_EQ(match({held(kTrain, kGpu0)}, seen).list[0].used, std::nullopt);
  seen.sessions.clear();
  EXPECT_EQ(match({held(kTrain, kGpu0)}, seen).list[0].used, false);
  seen.blindness.no_host_pid = true;
  EXPECT_EQ(match({held(kTrain, kGpu0)}, seen).list[0].used, std::nullopt);
}

TEST(Outdated, IsAnAnswerFromBeforeAStrangersStart) {
  Observation seen = sample_observation();
  seen.sessions = {runs(kServe, Outcome::Pod)};
  seen.allocations = match({held(kTrain, kGpu0)}, seen);
  EXPECT_FALSE(outdated(seen));
  seen.sessions[0].start_time = seen.time;
  EXPECT_TRUE(outdated(seen));
  seen.sessions[0].workload = kTrain;
  EXPECT_FALSE(outdated(seen)) << "its pod holds it, whenever it began";
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
