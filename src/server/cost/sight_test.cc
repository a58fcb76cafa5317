#include "server/cost/sight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "fleet/cluster/cluster_state.h"
#include "fleet/inventory/told_pages.h"

namespace tessera::server {
namespace {
using testing::IsEmpty;
using testing::SizeIs;

TEST(NodePlaces, AreWhatRowsSayElseWhatLabelsSay) {
  CostSettings settings;
  settings.nodes = {{"", "edge-*", "edge", std::nullopt}, {"b", "*", "", fleet::Purchase::Reserved}};
  struct Case {
    const char *cluster, *node;
    fleet::LabelMap labels;
    const char* pool;
    fleet::Purchase purchase;
  };
  using enum fleet::Purchase;
  const Case cases[] = {
      {"a", "w1", {}, "", OnDemand},
      {"a", "w1", {{"karpenter.sh/nodepool", "big"}, {"karpenter.sh/capacity-type", "spot"}}, "big", Spot},
      {"a", "w1", {{"cloud.google.com/gke-spot", "true"}}, "", Spot},
      {"a", "w1", {{"cloud.google.com/gke-spot", "false"}}, "", OnDemand},
      {"a", "w1", {{"tessera.dev/purchase", "reserved"}, {"tessera.dev/pool", "p"}}, "p", Reserved},
      {"a", "edge-1", {{"karpenter.sh/nodepool", "big"}, {"karpenter.sh/capacity-type", "spot"}}, "edge", Spot},
      {"b", "w1", {{"karpenter.sh/nodepool", "big"}}, "big", Reserved},
  };
  for (const Case& one : cases) {
    const auto place = place_of(settings, one.cluster, one.node, &one.labels);
    EXPECT_EQ(place.pool, one.pool) << one.node;
    EXPECT_EQ(place.purchase, one.purchase) << one.node;
  }
}

struct CostSightTest : testing::Test {
  CostSight sight(const CostMemory& kept = {}) const {
    return {settings, owner_rules(settings, {"team"}, {{"research", "lab"}}), kept};
  }
  static std::shared_ptr<const fleet::ClusterView> cluster(const std::vector<fleet::ClusterPod>& pods) {
    fleet::ClusterState state("c", {"team"});
    state.put(fleet::ClusterNamespace{"ml", {{"team", "vision"}, {"project", "cats"}}, {}});
    for (const fleet::ClusterPod& one : pods) state.put(one);
    complete(state);
    return state.view();
  }
  static void complete(fleet::ClusterState& state) {
    for (std::size_t list = 0; list < fleet::kClusterLists; ++list)
      state.complete(static_cast<fleet::ClusterList>(list), 0);
  }
  static fleet::ClusterPod pod(const char* name, const char* uid, fleet::LabelMap labels) {
    fleet::ClusterPod out;
    out.space = "ml";
    out.name = name;
    out.uid = uid;
    out.labels = std::move(labels);
    return out;
  }
  static std::string team(const CostSight& of, const char* space, const char* pod, const char* uid = "") {
    fleet::CostOwner owner{"c", space, pod, uid, {}, {}, {}};
    of.name(owner);
    return owner.team + "/" + owner.project;
  }

  /// A board and who holds it, by the labels of each.
  static std::shared_ptr<const fleet::View> board(const std::vector<std::string>& holders) {
    constexpr EpochMs kNow = 1'800'000'000'000;
    std::string page = "gpu_up{gpu=\"0\",UUID=\"GPU-0\"} 1\n";
    for (const std::string& one : holders)
      page +=
          "gpu_allocation_info{gpu=\"0\",UUID=\"GPU-0\",resource=\"nvidia.com/gpu\",namespace=\"ml\"," + one + "} 1\n";
    fleet::ToldPages told;
    told.scrape(kNow, R"(node="w1",job="agent")", page);
    told.fleet.advance(kNow);
    return told.fleet.publish(kNow);
  }

  CostSettings settings;
  fleet::View view;
};

TEST_F(CostSightTest, APodIsWhoseItsLabelsSaidAlsoOnceItHasGone) {
  CostSight of = sight();
  of.look(view, cluster({pod("a", "u1", {{"team", "speech"}}), pod("b", "u2", {})}), 1'000);
  EXPECT_EQ(team(of, "ml", "a", "u1"), "speech/cats");
  EXPECT_EQ(team(of, "ml", "a"), "speech/cats") << "an exporter that knows no uid";
  EXPECT_EQ(team(of, "ml", "a", "u9"), "vision/cats") << "another pod of the name";
  EXPECT_EQ(team(of, "ml", "b", "u2"), "vision/cats");
  EXPECT_EQ(team(of, "research", "x"), "lab/") << "the settings say whose the namespace is";
  of.look(view, cluster({}), 2'000);
  EXPECT_EQ(team(of, "ml", "a", "u1"), "speech/cats");
}

/// As a StatefulSet's, each of which has the name of the one before.
TEST_F(CostSightTest, APodThatCameBackUnderItsNameIsItsOwn) {
  CostSight of = sight();
  of.look(view, cluster({pod("a", "u1", {{"team", "speech"}})}), 1'000);
  of.look(view, cluster({pod("a", "u2", {{"team", "robots"}})}), 2'000);
  EXPECT_EQ(team(of, "ml", "a", "u1"), "speech/cats");
  EXPECT_EQ(team(of, "ml", "a", "u2"), "robots/cats");
  EXPECT_EQ(team(of, "ml", "a"), "robots/cats") << "without a uid: the one that has the name";
  const auto kept = of.unkept(2'000);
  EXPECT_THAT(kept.pods, SizeIs(2));
  const CostSight later = sight(kept);
  EXPECT_EQ(team(later, "ml", "a", "u1"), "speech/cats");
  EXPECT_EQ(team(later, "ml", "a", "u2"), "robots/cats");
}

TEST_F(CostSightTest, TellsWhatTheDatabaseLacks) {
  CostSight of = sight();
  of.look(view, cluster({pod("a", "u1", {{"team", "speech"}})}), 1'000);
  const auto first = of.unkept(1'000);
  ASSERT_THAT(first.pods, SizeIs(1));
  of.kept(1'000);
  EXPECT_THAT(of.unkept(1'000).pods, IsEmpty());
  of.look(view, cluster({pod("a", "u1", {{"team", "vision"}})}), 2'000);
  EXPECT_THAT(of.unkept(2'000).pods, SizeIs(1)) << "it is another team's";
  of.kept(2'000);
  constexpr EpochMs kTwoDays = 48 * 3'600'000;
  of.look(view, cluster({pod("a", "u1", {{"team", "vision"}})}), kTwoDays);
  EXPECT_THAT(of.unkept(kTwoDays).pods, SizeIs(1)) << "it is still there";
  const CostSight later = sight(first);
  EXPECT_EQ(team(later, "ml", "a", "u1"), "speech/cats") << "after a restart, of one that has gone";
}

TEST_F(CostSightTest, ANamespaceThatIsAnothersNowTakesItsPodsAlong) {
  fleet::ClusterState state("c", {"team"});
  state.put(pod("a", "u1", {}));
  state.put(fleet::ClusterNamespace{"ml", {{"team", "vision"}}, {}});
  complete(state);
  CostSight of = sight();
  of.look(view, state.view(), 1'000);
  EXPECT_EQ(team(of, "ml", "a", "u1"), "vision/");
  of.kept(1'000);
  state.put(fleet::ClusterNamespace{"ml", {{"team", "speech"}}, {}});
  of.look(view, state.view(), 2'000);
  EXPECT_EQ(team(of, "ml", "a", "u1"), "speech/");
  EXPECT_THAT(of.unkept(2'000).pods, SizeIs(1));
}

TEST_F(CostSightTest, AListThatIsNotCompleteTakesNothingFromWhatWasKept) {
  CostMemory kept;
  kept.pods = {{"c", "ml", "a", "u1", "vision", "cats", ""}};
  fleet::ClusterState state("c", {"team"});
  state.put(pod("a", "u1", {}));  // its namespace has not come yet
  CostSight of = sight(kept);
  of.look(view, state.view(), 1'000);
  EXPECT_EQ(team(of, "ml", "a", "u1"), "vision/cats");
  EXPECT_THAT(of.unkept(1'000).pods, IsEmpty());
}

TEST_F(CostSightTest, ADeviceIsSharedForAsLongAsItIs) {
  const store::CostPart part{"default", "GPU-0", std::nullopt};
  const store::CostHolder a{part, "ml", "a", "u1"}, b{part, "ml", "b", "u2"};
  CostSight of = sight();
  of.look(*board({R"(share="shared",replicas="1",pod="a",pod_uid="u1",container="c")",
                  R"(share="shared",replicas="2",pod="b",pod_uid="u2",container="c")"}),
          cluster({}), 1'000);
  of.look(*board({}), cluster({}), 2'000);
  EXPECT_EQ(of.replicas_of(part, 2'000), 3) << "nobody has it, and nobody says that it is otherwise";
  of.look(*board({R"(share="exclusive",pod="a",pod_uid="u3",container="c")"}), cluster({}), 3'000);
  const auto kept = of.unkept(4'000);
  const CostSight later = sight(kept);
  for (const CostSight* one : {&std::as_const(of), &later}) {
    EXPECT_EQ(one->replicas_of(part, 3'000), 1) << "one has it for himself";
    EXPECT_EQ(one->replicas_of(part, 2'999), 3);
    EXPECT_EQ(one->replicas_held(a), 1);
    EXPECT_EQ(one->replicas_held(b), 2);
  }
  EXPECT_THAT(kept.shared, SizeIs(2));
  EXPECT_THAT(kept.held, SizeIs(1));
  of.kept(4'000);
  EXPECT_TRUE(of.unkept(4'000).empty());
}

TEST_F(CostSightTest, ThePlatformsOwnPodsAreOverhead) {
  const CostSight of = sight();
  fleet::CostOwner plugin{"c", "gpu-operator", "plugin", "", {}, {}, {}}, own{"c", "ml", "a", "", {}, {}, {}};
  EXPECT_TRUE(of.name(plugin));
  EXPECT_FALSE(of.name(own));
}

}  // namespace
}  // namespace tessera::server
