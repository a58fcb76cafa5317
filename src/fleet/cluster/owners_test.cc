#include "fleet/cluster/owners.h"

#include <gtest/gtest.h>

#include "fleet/cluster/cluster_state.h"

namespace tessera::fleet {
namespace {

struct OwnersTest : testing::Test {
  OwnersTest() {
    state.put(ClusterNamespace{"ml", {{"team", "vision"}, {"app.kubernetes.io/part-of", "lab"}}, {}});
    state.put(ClusterNamespace{"serving", {{"app.kubernetes.io/part-of", "platform"}}, {{"team", "ignored"}}});
    state.put(ClusterNamespace{"noted", {{"team", ""}}, {{"team", "vision"}}});
    state.put(ClusterNamespace{"bare", {}, {}});
    ClusterPod pod;
    pod.space = "ml";
    pod.name = "p";
    pod.labels = {{"team", "speech"}};
    state.put(pod);
  }
  ClusterState state{"east", default_team_labels()};
};

TEST_F(OwnersTest, ATeamIsNamedByThePodElseByItsNamespace) {
  const auto view = state.view();
  const struct {
    std::string_view cluster, space, pod, team, of_space;
  } kCases[] = {
      {"east", "ml", "p", "speech", "vision"},
      {"east", "ml", "q", "vision", "vision"},
      {"east", "ml", "", "vision", "vision"},
      {"east", "serving", "x", "platform", "platform"},
      {"east", "noted", "x", "vision", "vision"},
      {"east", "bare", "x", "", ""},
      {"east", "none", "x", "", ""},
      {"west", "ml", "p", "", ""},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(team_of(*view, c.cluster, c.space, c.pod), c.team) << c.cluster << '/' << c.space << '/' << c.pod;
    EXPECT_EQ(team_of_namespace(*view, c.cluster, c.space), c.of_space) << c.cluster << '/' << c.space;
  }
}

TEST_F(OwnersTest, ATeamHasTheNamespacesThatSaySoAndNotThoseOfItsPods) {
  const auto view = state.view();
  EXPECT_EQ(namespaces_of_team(*view, "vision"), (std::set<std::string>{"ml", "noted"}));
  EXPECT_TRUE(namespaces_of_team(*view, "speech").empty()) << "a pod's own label gives no rights";
  EXPECT_TRUE(namespaces_of_team(*view, "").empty());
}

}  // namespace
}  // namespace tessera::fleet
