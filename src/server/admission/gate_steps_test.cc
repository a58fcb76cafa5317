#include "server/admission/gate_steps.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "server/api_json.h"

namespace tessera::server {
namespace {
using fleet::AllocationState;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using What = GateStep::What;

constexpr EpochMs kNow = 1'800'000'000'000;
constexpr Milliseconds kPatience{60'000};
constexpr const char* kSlice = "nvidia.com/mig-2g.20gb";

struct GateStepsTest : testing::Test {
  GateStepsTest() {
    cluster.watched = cluster.synced = true;
    cluster.cluster = "default";
    pod.space = "ml";
    pod.name = "p";
    pod.uid = "u-p";
    pod.labels = {{"tessera.dev/gpu-memory", "20G"}};
    pod.gates = {"tessera.dev/allocation"};
    pod.requests = {{kSlice, 1}};
    one.id = "a-1";
    one.cluster = "default";
    one.space = "ml";
    one.pod = "p";
    one.pod_uid = "u-p";
    list(1);
  }
  void list(std::int64_t count) {
    auto node = std::make_shared<fleet::ClusterNode>();
    node->name = "w-1";
    node->labels = {{"kubernetes.io/hostname", "host-1"}};
    node->allocatable = {{kSlice, count}};
    cluster.nodes["w-1"] = node;
  }
  void promise(std::optional<EpochMs> ready) {
    one.state = AllocationState::Promised;
    one.parts = {{"w-1", "GPU-1", "2g.20gb", {0, 2}, true}};
    one.ready_since = ready;
    ASSERT_TRUE(book.put(one));
  }
  std::vector<GateStep> steps() {
    cluster.pods["ml/p"] = std::make_shared<const fleet::ClusterPod>(pod);
    return gate_steps(cluster, book, kNow, kPatience);
  }
  GateStep step() {
    const auto all = steps();
    return all.size() == 1 ? all.front() : GateStep{};
  }

  fleet::ClusterView cluster;
  fleet::ClusterPod pod;
  fleet::PodAllocation one;
  fleet::AllocationBook book;
};

TEST_F(GateStepsTest, NoPodIsPinnedToANodeWhereOthersHaveAllThatIsListed) {
  promise(kNow - 10 * kPatience.count());
  fleet::ClusterPod other = pod;
  other.name = other.uid = "other";
  other.node = "w-1";
  other.gates = {};
  cluster.pods["ml/other"] = std::make_shared<const fleet::ClusterPod>(other);
  EXPECT_EQ(step().what, What::Tell);
  EXPECT_THAT(step().note, HasSubstr("other pods of the node have all of the nvidia.com/mig-2g.20gb that it lists"));
}

TEST_F(GateStepsTest, AShareIsWaitedForByTheNameThatItsPluginGivesIt) {
  constexpr const char* kShared = "nvidia.com/gpu.shared";
  pod.requests = {{kShared, 1}};
  one.state = AllocationState::Promised;
  one.parts = {{"w-1", "GPU-1", "", {2, 1}, false, 4, kShared}};
  one.ready_since = kNow;
  ASSERT_TRUE(book.put(one));
  EXPECT_THAT(step().note,
              HasSubstr("a share of a device of w-1 stands, and the device plugin there does not list it"));
  auto node = std::make_shared<fleet::ClusterNode>(*cluster.nodes["w-1"]);
  node->allocatable = {{kShared, 4}};
  cluster.nodes["w-1"] = node;
  EXPECT_EQ(step().what, What::Open);
  EXPECT_EQ(step().node, "w-1");
  pod.requests = {{"nvidia.com/gpu", 1}};
  EXPECT_THAT(step().note, HasSubstr("is of nvidia.com/gpu.shared, and the pod asks for nvidia.com/gpu"));
}

TEST_F(GateStepsTest, OtherGatesComeFirst) {
  pod.gates = {"kueue.x-k8s.io/admission", "tessera.dev/allocation"};
  EXPECT_EQ(step(), (GateStep{What::Tell, "ml", "p", "u-p",
                              "waiting: for its other scheduling gates first: kueue.x-k8s.io/admission"}));
  promise(kNow);
  EXPECT_EQ(step().what, What::Tell) << "whoever has set it may yet choose its nodes";
  pod.gates = {"tessera.dev/allocation"};
  EXPECT_EQ(step().what, What::Open);
}

TEST_F(GateStepsTest, APodGoesFromAskingToItsNode) {
  EXPECT_EQ(step(), (GateStep{What::Ask, "ml", "p", "u-p"}));
  one.why = "Of 3 devices none serves it";
  ASSERT_TRUE(book.put(one));
  EXPECT_EQ(step(), (GateStep{What::Tell, "ml", "p", "u-p", "waiting: Of 3 devices none serves it"}));
  pod.notes = {{"tessera.dev/gpu-allocation", "waiting: Of 3 devices none serves it"}};
  EXPECT_THAT(steps(), IsEmpty()) << "the pod says so already";
  promise({});
  EXPECT_EQ(step().note, "promised: 2g.20gb of w-1 is being cut");
  promise(kNow);
  EXPECT_EQ(step(), (GateStep{What::Open, "ml", "p", "u-p", "ready: 2g.20gb of w-1", false, "w-1"}));
  pod.gates.clear();
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(GateStepsTest, WhatTheDevicePluginDoesNotListIsWaitedForForATime) {
  list(0);
  promise(kNow - 59'999);
  EXPECT_EQ(step().what, What::Tell);
  EXPECT_THAT(step().note, HasSubstr("does not list it as nvidia.com/mig-2g.20gb yet"));
  promise(kNow - 60'000);
  EXPECT_EQ(step().what, What::Open);
  EXPECT_TRUE(step().warning);
  EXPECT_THAT(step().note, HasSubstr("has not listed it as nvidia.com/mig-2g.20gb within 1m"));
}

TEST_F(GateStepsTest, WhatOtherPodsOnTheNodeHaveIsNotLeft) {
  promise(kNow);
  auto other = std::make_shared<fleet::ClusterPod>();
  other->space = "ml";
  other->name = "q";
  other->node = "w-1";
  other->requests = {{kSlice, 1}};
  cluster.pods["ml/q"] = other;
  EXPECT_EQ(step().what, What::Tell);
  list(2);
  EXPECT_EQ(step().what, What::Open);
}

struct OnTheWay : GateStepsTest {
  /// A pod that is ready for another slice of the same node, and has none yet.
  void goes(const std::string& name, EpochMs ready, bool at_gate) {
    auto other = std::make_shared<fleet::ClusterPod>(pod);
    other->name = name;
    other->uid = "u-" + name;
    other->gates = at_gate ? std::vector<std::string>{"tessera.dev/allocation"} : std::vector<std::string>();
    cluster.pods["ml/" + name] = other;
    fleet::PodAllocation its = one;
    its.id = "a-" + name;
    its.pod = name;
    its.pod_uid = other->uid;
    its.state = AllocationState::Promised;
    its.parts = {{"w-1", "GPU-1", "2g.20gb", {2, 2}, false}};
    its.ready_since = ready;
    ASSERT_TRUE(book.put(its));
  }
  /// Who is let go now.
  std::vector<std::string> opened() {
    std::vector<std::string> out;
    for (const GateStep& each : steps())
      if (each.what == What::Open) out.push_back(each.pod);
    return out;
  }
};

TEST_F(OnTheWay, WhatIsListedForAPodThatWasLetGoAndHasNoNodeYetIsNotLeft) {
  goes("q", kNow, false);
  promise(kNow - 1);
  EXPECT_EQ(step().what, What::Tell) << "the one that is listed is that of q";
  EXPECT_THAT(step().note, HasSubstr("other pods of the node, or on their way to it, have all of the"));
  list(2);
  EXPECT_EQ(step().what, What::Open);
}

TEST_F(OnTheWay, AsManyAreLetGoAsAreListed) {
  goes("q", kNow - 1, true);
  promise(kNow);
  EXPECT_THAT(opened(), ElementsAre("q")) << "it was ready first";
  list(2);
  EXPECT_THAT(opened(), ElementsAre("p", "q"));
}

TEST_F(OnTheWay, APodThatNeverWasAtAGateComesByWhenItWasReady) {
  pod.gates = {};
  goes("q", kNow - 1, false);
  promise(kNow);
  const auto step_of_one = [&] { return step_of(pod, cluster, book, kNow, kPatience)->what; };
  EXPECT_EQ(step_of_one(), What::Tell);
  goes("q", kNow + 1, false);
  EXPECT_EQ(step_of_one(), What::Open) << "so that not each waits for the other";
}

TEST_F(OnTheWay, WhatGoesElsewhereOrHasGoneTakesNothing) {
  goes("q", kNow - 1, false);
  promise(kNow);
  auto other = std::make_shared<fleet::ClusterPod>(*cluster.pods["ml/q"]);
  other->deleting = true;
  cluster.pods["ml/q"] = other;
  EXPECT_EQ(step().what, What::Open);
  goes("q", kNow - 1, false);
  fleet::PodAllocation its = *book.find("a-q");
  its.parts[0].node = "w-2";
  ASSERT_TRUE(book.put(its));
  EXPECT_EQ(step().what, What::Open);
}

TEST_F(GateStepsTest, SomePodsAreNotOurs) {
  pod.gates = {"x/y"};
  EXPECT_THAT(steps(), IsEmpty());
  pod.gates = {"tessera.dev/allocation"};
  pod.deleting = true;
  EXPECT_THAT(steps(), IsEmpty());
  pod.deleting = false;
  cluster.synced = false;
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(GateStepsTest, WhatDoesNotFitTogetherIsSaid) {
  pod.labels = {};
  EXPECT_TRUE(step().warning);
  pod.labels = {{"tessera.dev/gpu-memory", "20G"}};
  pod.requests["nvidia.com/gpu"] = 1;
  EXPECT_TRUE(step().warning);
  pod.requests = {{"nvidia.com/mig-3g.40gb", 1}};
  promise(kNow);
  EXPECT_THAT(step().note, HasSubstr("allocation a-1 is of nvidia.com/mig-2g.20gb, and the pod asks for"));
  pod.requests = {{kSlice, 1}};
  cluster.nodes.clear();
  EXPECT_THAT(step().note, HasSubstr("no node of that name"));
  pod.uid = "u-after";
  EXPECT_THAT(steps(), IsEmpty()) << "its namesake's allocation ends first";
}

TEST_F(GateStepsTest, ALongReasonIsCutSoThatItIsWrittenOnce) {
  one.why = std::string(5'000, 'x');
  ASSERT_TRUE(book.put(one));
  const std::string note = step().note;
  EXPECT_LE(note.size(), 1'024U);
  pod.notes = {{"tessera.dev/gpu-allocation", note}};
  EXPECT_THAT(steps(), IsEmpty());
}

TEST_F(GateStepsTest, ANodeIsNamedByItsLabelWhereItHasOne) {
  EXPECT_EQ(name_for_affinity(cluster, "w-1").value, "host-1");
  EXPECT_FALSE(name_for_affinity(cluster, "w-1").is_field);
  EXPECT_EQ(name_for_affinity(cluster, "w-2").key, "metadata.name");
  EXPECT_TRUE(name_for_affinity(cluster, "w-2").is_field);
}

TEST(OpeningPatch, TakesTheGateAwayAndNamesTheNode) {
  const std::string mine = R"({"key":"kubernetes.io/hostname","operator":"In","values":["host-1"]})";
  const std::string required = R"({"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":)";
  const struct {
    std::string affinity, want;
  } kCases[] = {
      {"null", R"({"nodeAffinity":)" + required + "[{\"matchExpressions\":[" + mine + "]}]}}}"},
      {R"({"podAffinity":{}})",
       R"({"podAffinity":{},"nodeAffinity":)" + required + "[{\"matchExpressions\":[" + mine + "]}]}}}"},
      {R"({"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[]}})",
       R"({"nodeAffinity":{"preferredDuringSchedulingIgnoredDuringExecution":[],)" + required.substr(1) +
           "[{\"matchExpressions\":[" + mine + "]}]}}}"},
      {R"({"nodeAffinity":)" + required + R"([{"matchExpressions":[{"key":"a"}]},{"matchFields":[{"key":"f"}]},{}]}}})",
       R"({"nodeAffinity":)" + required + R"([{"matchExpressions":[{"key":"a"},)" + mine +
           R"(]},{"matchFields":[{"key":"f"}],"matchExpressions":[)" + mine + "]},{}]}}}"}};
  for (const auto& c : kCases) {
    const std::string pod = R"({"metadata":{"uid":"u","resourceVersion":"7"},"spec":{"schedulingGates":[{"name":"x/y"},
        {"name":"tessera.dev/allocation"}],"affinity":)" +
                            c.affinity + "}}";
    const Json patch = Json::parse(opening_patch(pod, {false, "kubernetes.io/hostname", "host-1"}, "ready: it is"));
    const Json after = Json::parse(pod).patch(patch);
    EXPECT_EQ(after["spec"]["affinity"].dump(), Json::parse(c.want).dump()) << c.affinity;
    EXPECT_EQ(after["spec"]["schedulingGates"].dump(), R"([{"name":"x/y"}])");
    EXPECT_EQ(after["metadata"]["annotations"]["tessera.dev/gpu-allocation"], "ready: it is");
    for (const auto* changed : {R"({"metadata":{"resourceVersion":"8"}})", R"({"metadata":{"uid":"v"}})"}) {
      Json other = Json::parse(pod);
      other.merge_patch(Json::parse(changed));
      EXPECT_THROW(other.patch(patch), Json::exception) << changed;
    }
  }
}

TEST(OpeningPatch, IsEmptyWhereThereIsNoGateOfOurs) {
  for (const auto* pod :
       {"", "{}", R"({"spec":{"schedulingGates":[{"name":"x/y"}]}})", R"({"spec":{"schedulingGates":7}})"})
    EXPECT_EQ(opening_patch(pod, {true, "metadata.name", "w-1"}, ""), "") << pod;
}

}  // namespace
}  // namespace tessera::server
