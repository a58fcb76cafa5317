#include "agent/holder_names.h"

#include <gtest/gtest.h>

#include <functional>

#include "agent/sample_test.h"

namespace tessera::agent {
namespace {
using namespace std::chrono_literals;

const std::string kX = "aaaaaaaa-0000-4000-8000-000000000001";
const std::string kY = "bbbbbbbb-0000-4000-8000-000000000002";
const Workload kA{"ml", "a-0", "main", ""};
const Workload kB{"ml", "b-0", "main", ""};

/// Two whole devices and one cut into instances; nothing held, nothing running.
class HolderNamesTest : public testing::Test {
 protected:
  HolderNamesTest() {
    seen_ = sample_observation();
    seen_.snapshot.devices = {whole_device(0), mig_device(1), whole_device(2)};
    seen_.sessions.clear();
    seen_.allocations.list.clear();
  }
  static Subject gpu(unsigned index) { return subject_of(whole_device(index)); }
  static Subject instance(unsigned at) { return subject_of(mig_device(1), mig_device(1).instances[at]); }
  void holds(const Subject& subject, const Workload& pod, bool shared = false) {
    seen_.allocations.list.push_back({subject, pod, "nvidia.com/gpu", shared, shared ? 1U : 0U, std::nullopt});
  }
  Session& runs(const Subject& subject, const std::string& uid, const std::string& container = "c1") {
    Session s = session(subject, ++pid_, {"", "", "", uid});
    s.outcome = Outcome::Unnamed;
    s.container_id = container;
    seen_.sessions.push_back(s);
    return seen_.sessions.back();
  }
  Session& runs_unknown(const Subject& subject, Outcome why) {
    Session& s = runs(subject, "", "");
    s.outcome = why;
    return s;
  }
  void clear() {
    seen_.sessions.clear();
    seen_.allocations.list.clear();
  }
  /// What the last session's pod is called after another collection.
  std::string learn() {
    names_.learn(seen_, now_);
    const Session& last = seen_.sessions.back();
    EXPECT_EQ(last.outcome == Outcome::Holder, !last.workload.pod.empty());
    return last.workload.pod + (last.workload.container.empty() ? "" : "/" + last.workload.container);
  }
  HolderNames names_;
  Observation seen_;
  SteadyTime now_ = std::chrono::steady_clock::now();
  unsigned pid_ = 100;
};

TEST_F(HolderNamesTest, TheOnlyPodOnWhatOnePodHoldsIsThatPod) {
  holds(gpu(0), kA);
  runs(gpu(0), kX);
  runs_unknown(gpu(0), Outcome::Host);
  runs(gpu(0), kX);
  EXPECT_EQ(learn(), "a-0/main");
  EXPECT_EQ(seen_.sessions[0].workload, (Workload{"ml", "a-0", "main", kX}));
  EXPECT_EQ(seen_.sessions[1].outcome, Outcome::Host);
  EXPECT_EQ(seen_.allocations.list[0].workload.pod_uid, kX);
}

TEST_F(HolderNamesTest, AHolderOfAWholeDeviceIsNamedOnItsInstances) {
  holds(subject_of(mig_device(1)), kA);
  runs(instance(2), kX);
  EXPECT_EQ(learn(), "a-0/main");
}

TEST_F(HolderNamesTest, NothingIsGuessed) {
  const struct {
    const char* what;
    std::function<void()> lay_out;
  } cases[] = {{"a shared device",
                [&] {
                  holds(gpu(0), kA, true);
                  runs(gpu(0), kX);
                }},
               {"two holders",
                [&] {
                  holds(gpu(0), kA);
                  holds(gpu(0), kB);
                  runs(gpu(0), kX);
                }},
               {"the device's holder and an instance's",
                [&] {
                  holds(subject_of(mig_device(1)), kA);
                  holds(instance(0), kB);
                  runs(instance(0), kX);
                }},
               {"two pods on it",
                [&] {
                  holds(gpu(0), kA);
                  runs(gpu(0), kY);
                  runs(gpu(0), kX);
                }},
               {"one that may be any pod's on it",
                [&] {
                  holds(gpu(0), kA);
                  runs_unknown(gpu(0), Outcome::NoAccess);
                  runs(gpu(0), kX);
                }},
               {"one that ended on it",
                [&] {
                  holds(gpu(0), kA);
                  runs_unknown(gpu(0), Outcome::Gone);
                  runs(gpu(0), kX);
                }},
               {"a cgroup that is cut off",
                [&] {
                  holds(gpu(0), kA);
                  seen_.blindness.cgroup_namespaced = true;
                  runs_unknown(gpu(0), Outcome::Host);
                  runs(gpu(0), kX);
                }},
               {"an instance that is not said",
                [&] {
                  holds(instance(0), kA);
                  runs(subject_of(mig_device(1)), kX);
                }},
               {"a monitor on two devices",
                [&] {
                  holds(gpu(0), kA);
                  runs(gpu(2), kX);
                  runs(gpu(0), kX);
                }},
               {"two devices of two holders",
                [&] {
                  holds(gpu(0), kA);
                  holds(gpu(2), kB);
                  runs(gpu(2), kX);
                  runs(gpu(0), kX);
                }},
               {"two pods, one on each of a holder's devices",
                [&] {
                  holds(gpu(0), kA);
                  holds(gpu(2), kA);
                  runs(gpu(2), kY);
                  runs(gpu(0), kX);
                }},
               {"a holder whose UID is known as another",
                [&] {
                  holds(gpu(0), {"ml", "a-0", "main", kY});
                  runs(gpu(0), kX);
                }},
               {"a holder that runs elsewhere under another UID",
                [&] {
                  holds(gpu(0), kA);
                  Session& other = runs(gpu(2), kY);
                  other.workload = {"ml", "a-0", "main", kY};
                  other.outcome = Outcome::Pod;
                  runs(gpu(0), kX);
                }},
               {"a process that began since the kubelet was asked",
                [&] {
                  holds(gpu(0), kA);
                  runs(gpu(0), kX).start_time = seen_.allocations.asked;
                }},
               {"a process whose start is not known",
                [&] {
                  holds(gpu(0), kA);
                  runs(gpu(0), kX).start_time = 0;
                }},
               {"a kubelet that does not answer",
                [&] {
                  holds(gpu(0), kA);
                  seen_.allocations.known = false;
                  runs(gpu(0), kX);
                }},
               {"a device that nobody holds", [&] {
                  holds(gpu(2), kA);
                  runs(gpu(0), kX);
                }}};
  for (const auto& c : cases) {
    names_ = {};
    seen_.allocations.known = true;
    seen_.blindness = {};
    clear();
    c.lay_out();
    EXPECT_EQ(learn(), "") << c.what;
    for (const Allocation& held : seen_.allocations.list) EXPECT_NE(held.workload.pod_uid, kX) << c.what;
  }
}

TEST_F(HolderNamesTest, AContainerIsNamedWhereOneAloneHoldsAndOneAloneRuns) {
  holds(gpu(0), kA);
  runs(gpu(0), kX, "c1");
  runs(gpu(0), kX, "c2");
  EXPECT_EQ(learn(), "a-0") << "two containers of the pod run there";
  clear();
  holds(gpu(0), kA);
  holds(gpu(0), {"ml", "a-0", "sidecar", ""});
  runs(gpu(0), kX, "c1");
  EXPECT_EQ(learn(), "a-0") << "two containers of the pod hold it";
  clear();
  holds(gpu(0), kA);
  runs(gpu(0), kX, "c1");
  EXPECT_EQ(learn(), "a-0/main");
}

TEST_F(HolderNamesTest, WhatWasLearnedIsRemembered) {
  holds(gpu(0), kA);
  runs(gpu(0), kX);
  EXPECT_EQ(learn(), "a-0/main");
  clear();
  seen_.allocations.known = false;  // the kubelet is away
  runs(gpu(0), kX);
  EXPECT_EQ(learn(), "a-0/main");
  seen_.allocations.known = true;
  clear();
  holds(gpu(2), kA, true);  // elsewhere, beside another
  holds(gpu(2), kB, true);
  runs(gpu(2), kY);
  runs(gpu(2), kX);
  EXPECT_EQ(learn(), "a-0/main");
  EXPECT_EQ(seen_.sessions[0].outcome, Outcome::Unnamed);
  EXPECT_EQ(seen_.allocations.list[0].workload.pod_uid, kX);
  EXPECT_EQ(seen_.allocations.list[1].workload.pod_uid, "");
}

TEST_F(HolderNamesTest, WhatDoesNotRunLendsItsUidToNoHolder) {
  holds(gpu(0), kA);
  runs(gpu(0), kX);
  learn();
  clear();
  holds(gpu(0), kA);  // of the same name, and perhaps another pod by now
  runs_unknown(gpu(0), Outcome::Host);
  learn();
  EXPECT_EQ(seen_.allocations.list[0].workload.pod_uid, "");
  seen_.sessions.clear();
  runs(gpu(0), kY);
  EXPECT_EQ(learn(), "a-0/main");
  EXPECT_EQ(seen_.allocations.list[0].workload.pod_uid, kY);
}

TEST_F(HolderNamesTest, WhatIsContradictedIsForgotten) {
  holds(gpu(0), kA);
  runs(gpu(0), kX);
  EXPECT_EQ(learn(), "a-0/main");
  runs(gpu(0), kY);
  EXPECT_EQ(learn(), "");
  EXPECT_EQ(seen_.sessions[0].outcome, Outcome::Unnamed) << "which of the two is the holder?";
  seen_.sessions.pop_back();
  EXPECT_EQ(learn(), "a-0/main");
  clear();
  holds(gpu(0), kB);
  runs(gpu(0), kX).start_time = seen_.allocations.asked;
  EXPECT_EQ(learn(), "a-0/main") << "the answer is older than the process";
  seen_.sessions[0].start_time = seen_.allocations.asked - 60'000;
  EXPECT_EQ(learn(), "b-0/main");
}

TEST_F(HolderNamesTest, APodThatIsLongGoneIsForgotten) {
  holds(gpu(0), kA);
  runs(gpu(0), kX);
  learn();
  clear();
  runs_unknown(gpu(0), Outcome::Host);
  for (const auto step : {50min, 50min}) {
    now_ += step;
    learn();
  }
  clear();
  runs(gpu(0), kX);
  EXPECT_EQ(learn(), "");
}

}  // namespace
}  // namespace tessera::agent
