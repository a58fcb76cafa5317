#include "fleet/alerts/observe_test.h"

#include "fleet/cluster/cluster_state.h"

namespace tessera::fleet::alerts {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::Optional;

TEST(Observe, TellsOfPodsProcessesAndHoldings) {
  Seen seen;
  seen.look();
  ASSERT_EQ(seen.of(Signal::SessionAgeSeconds).size(), 1U) << "the operator's own process is none";
  for (const Observation& one : seen.round.observations) {
    if (one.signal == Signal::SessionAgeSeconds) EXPECT_THAT(one.value, Optional(7'200));
    if (one.signal == Signal::IdleWithMemory) EXPECT_THAT(one.value, Optional(1));
    if (one.signal == Signal::SessionAgeSeconds) {
      EXPECT_EQ(label_of(one.subject->labels, "pod"), "p");
      EXPECT_EQ(label_of(one.subject->labels, "pid"), "7");
      EXPECT_EQ(label_of(one.subject->labels, "device_id"), "w-GPU-00");
      EXPECT_TRUE(std::ranges::is_sorted(one.subject->labels));
    }
  }
  EXPECT_THAT(seen.of(Signal::HeldIdle), ElementsAre("c/GPU-b/1/ml/h/c 1"));
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), ElementsAre("c/GPU-a/ml/p/c/uses 1"));
}

ClusterNode offers_gpus(const std::string& name) {
  ClusterNode out;
  out.name = name;
  out.allocatable = {{"nvidia.com/gpu", 2}};
  return out;
}

ClusterPod asking(const std::string& name, const std::string& node) {
  ClusterPod out;
  out.space = "ml";
  out.name = name;
  out.node = node;
  out.requests = {{"nvidia.com/gpu", 1}};
  return out;
}

void complete(ClusterState& state) {
  for (const ClusterList list : {ClusterList::Nodes, ClusterList::Namespaces, ClusterList::Pods})
    state.complete(list, 0);
}

/// One node, and all is known of it.
ClusterState watched(const std::string& node) {
  ClusterState out("c", {});
  out.put(offers_gpus(node));
  complete(out);
  return out;
}

/// Of a node of which no allocation is told nobody knows whether there are none, but for what its cluster says.
TEST(Observe, TellsOfUseWhereNobodyHoldsAnythingByWhatTheClusterSays) {
  const std::string page(kPage);
  Seen seen(page.substr(0, page.find("gpu_allocation_info")));
  const auto look = [&](ClusterState& state) {
    seen.cluster = state.view();
    seen.look();
    return seen.of(Signal::UsedWithoutHolding);
  };
  seen.look();
  EXPECT_THAT(seen.of(Signal::UsedWithoutHolding), IsEmpty());
  ClusterState state("c", {});
  ClusterNode node = offers_gpus("w");
  state.put(ClusterNode(node));
  EXPECT_THAT(look(state), IsEmpty()) << "its lists are not complete yet";
  complete(state);
  EXPECT_THAT(look(state), ElementsAre("c/GPU-a/ml/p/c/uses 1"));
  state.put(asking("q", "v"));
  EXPECT_THAT(look(state), ElementsAre("c/GPU-a/ml/p/c/uses 1")) << "on another node";
  state.put(asking("q", "w"));
  EXPECT_THAT(look(state), IsEmpty()) << "somebody may hold something, and nobody says what";
  state.drop_pod("ml/q");
  node.allocatable.clear();
  state.put(ClusterNode(node));
  EXPECT_THAT(look(state), IsEmpty()) << "what pods ask for there has another name";
}

TEST_F(Changing, AHolderIsNotGoneAsSoonAsTheKubeletIsAway) {
  const std::string page(kPage), without = page.substr(0, page.find("gpu_allocation_info"));
  for (int i = 0; i <= 121; ++i) round(page);
  const std::string held = "GPUAllocatedIdle c/GPU-b/1/ml/h/c", used = "GPUUsedNotAllocated c/GPU-a/ml/p/c/uses";
  ASSERT_THAT(firing(), IsSupersetOf({held, used}));
  for (int i = 0; i < 15; ++i) round(without);
  EXPECT_THAT(firing(), IsSupersetOf({held, used}));
  for (int i = 0; i < 15; ++i) round(without);
  EXPECT_THAT(firing(), Not(Contains(held))) << "for so long the kubelet is not away";
  EXPECT_THAT(firing(), Not(Contains(used)));
}

/// A node of a watched cluster, of which no kubelet tells.
TEST_F(Changing, AUserIsGoneWithItsPodWhereNoKubeletEverTold) {
  const std::string process =
      R"(gpu_process_info{gpu="0",UUID="GPU-0",Hostname="w",pid="7",command="py",namespace="ml",pod="a",container="c",status="active",type="C"} 1
)";
  ClusterState state = watched("w");
  seen.cluster = state.view();
  for (int i = 0; i <= 21; ++i) round(busy_gpu(0, 60, 350) + process);
  const std::string used = "GPUUsedNotAllocated c/GPU-0/ml/a/c/uses";
  ASSERT_THAT(firing(), Contains(used));
  state.put(asking("b", "w"));
  seen.cluster = state.view();
  round(busy_gpu(0, 60, 350) + process);
  EXPECT_THAT(firing(), Contains(used));
  for (int i = 0; i < 5; ++i) round(busy_gpu(0, 60, 350));
  EXPECT_THAT(firing(), Not(Contains(used)));
}

}  // namespace
}  // namespace tessera::fleet::alerts
