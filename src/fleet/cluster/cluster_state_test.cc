#include "fleet/cluster/cluster_state.h"

#include <gtest/gtest.h>

namespace tessera::fleet {
namespace {

ClusterNode node(const std::string& name) {
  ClusterNode out;
  out.name = name;
  return out;
}
ClusterPod pod(const std::string& name) {
  ClusterPod out;
  out.space = "ml";
  out.name = name;
  return out;
}

struct ClusterStateTest : testing::Test {
  ClusterState state{"east", {"team"}};
};

TEST_F(ClusterStateTest, TellsWhatIsThere) {
  state.put(node("a"));
  state.put(pod("p"));
  const auto view = state.view();
  EXPECT_TRUE(view->watched);
  EXPECT_TRUE(view->node("east", "a"));
  EXPECT_FALSE(view->node("west", "a")) << "another cluster's node of that name";
  EXPECT_TRUE(view->pod("east", "ml", "p"));
  EXPECT_FALSE(view->pod("east", "other", "p"));
  state.drop_pod("ml/p");
  EXPECT_TRUE(view->pod("east", "ml", "p")) << "a view does not change";
  EXPECT_FALSE(state.view()->pod("east", "ml", "p"));
}

TEST_F(ClusterStateTest, IsTheSameViewWhileNothingChanges) {
  state.put(node("a"));
  const auto before = state.view();
  state.put(node("a"));
  state.drop_node("b", 1);
  state.drop_pod("ml/none");
  EXPECT_EQ(state.view(), before);
  ClusterNode cordoned = node("a");
  cordoned.cordoned = true;
  state.put(cordoned);
  EXPECT_NE(state.view(), before);
}

TEST_F(ClusterStateTest, IsSyncedWhenEachListIsComplete) {
  state.complete(ClusterList::Nodes, 0);
  state.complete(ClusterList::Pods, 0);
  state.complete(ClusterList::Pods, 0);
  EXPECT_FALSE(state.view()->synced);
  state.complete(ClusterList::Namespaces, 0);
  EXPECT_TRUE(state.view()->synced) << "also without the right to see quotas";
  EXPECT_FALSE(state.view()->quotas_synced);
  state.complete(ClusterList::Quotas, 0);
  EXPECT_TRUE(state.view()->quotas_synced);
}

TEST_F(ClusterStateTest, RemembersNodesThatLeftButNotForEver) {
  state.put(node("a"));
  state.drop_node("a", 7);
  EXPECT_EQ(state.view()->gone.at("a"), 7);
  state.put(node("a"));
  EXPECT_TRUE(state.view()->gone.empty()) << "it is back";
  for (std::size_t i = 0; i <= ClusterState::kMostGone; ++i) {
    const std::string name = "n" + std::to_string(i);
    state.put(node(name));
    state.drop_node(name, static_cast<EpochMs>(i));
  }
  const auto view = state.view();
  EXPECT_EQ(view->gone.size(), ClusterState::kMostGone);
  EXPECT_FALSE(view->gone.contains("n0")) << "the oldest goes";
  EXPECT_TRUE(view->gone.contains("n1"));
}

TEST_F(ClusterStateTest, ANodeThatLeftBeforeTheFirstListIsGone) {
  state.remember("stayed", std::nullopt);
  state.remember("left", std::nullopt);
  state.remember("long_gone", 5);
  state.remember("came_back", 6);
  EXPECT_EQ(state.view()->gone, (std::map<std::string, EpochMs, std::less<>>{{"came_back", 6}, {"long_gone", 5}}))
      << "of the others nothing is known before the list is complete";
  state.put(node("stayed"));
  state.put(node("came_back"));
  state.complete(ClusterList::Nodes, 9);
  EXPECT_EQ(state.view()->gone, (std::map<std::string, EpochMs, std::less<>>{{"left", 9}, {"long_gone", 5}}));
}

}  // namespace
}  // namespace tessera::fleet
