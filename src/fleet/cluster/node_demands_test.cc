#include "fleet/cluster/node_demands.h"

#include <gtest/gtest.h>

#include "fleet/cluster/cluster.h"

namespace tessera::fleet {
namespace {

ClusterNode node() {
  ClusterNode out;
  out.name = "w-1";
  out.labels = {{"pool", "a100"}, {"gpus", "8"}};
  return out;
}

TEST(NodeDemands, LabelsAndFieldsAreHeldAgainstTheNode) {
  const struct {
    NodeRequirement one;
    bool holds;
  } kCases[] = {{{"pool", "In", {"h100", "a100"}}, true},
                {{"pool", "In", {"h100"}}, false},
                {{"zone", "In", {"a"}}, false},
                {{"pool", "NotIn", {"h100"}}, true},
                {{"pool", "NotIn", {"a100"}}, false},
                {{"zone", "NotIn", {"a"}}, true},
                {{"pool", "Exists", {}}, true},
                {{"zone", "Exists", {}}, false},
                {{"zone", "DoesNotExist", {}}, true},
                {{"pool", "DoesNotExist", {}}, false},
                {{"gpus", "Gt", {"7"}}, true},
                {{"gpus", "Gt", {"8"}}, false},
                {{"gpus", "Lt", {"9"}}, true},
                {{"pool", "Lt", {"9"}}, false},
                {{"metadata.name", "In", {"w-1"}, true}, true},
                {{"metadata.name", "In", {"w-2"}, true}, false},
                {{"metadata.name", "In", {"w-1"}, false}, false},
                {{"pool", "Perhaps", {"a100"}}, false}};
  for (const auto& c : kCases)
    EXPECT_EQ(why_not_on({.terms = std::vector<NodeTerm>{{c.one}}}, node()).empty(), c.holds)
        << c.one.key << ' ' << c.one.op;
}

TEST(NodeDemands, OfTermsOneIsEnoughAndOfATermAllOfIt) {
  const NodeRequirement yes{"pool", "Exists", {}}, no{"zone", "Exists", {}};
  using Terms = std::vector<NodeTerm>;
  EXPECT_TRUE(why_not_on({.terms = Terms{{no}, {yes}}}, node()).empty());
  EXPECT_FALSE(why_not_on({.terms = Terms{{yes, no}}}, node()).empty());
  EXPECT_FALSE(why_not_on({.terms = Terms{{}}}, node()).empty());
  EXPECT_FALSE(why_not_on({.terms = Terms{}}, node()).empty());
  EXPECT_TRUE(why_not_on({}, node()).empty());
}

TEST(NodeDemands, SaysWhatIsInTheWay) {
  ClusterNode one = node();
  EXPECT_EQ(why_not_on({.selector = {{"pool", "h100"}}}, one), "the pod's nodeSelector wants pool=h100");
  EXPECT_EQ(why_not_on({.selector = {{"pool", "a100"}}}, one), "");
  one.taints = {{"nvidia.com/gpu", "", "NoSchedule"}, {"soft", "", "PreferNoSchedule"}};
  EXPECT_EQ(why_not_on({}, one), "its taint nvidia.com/gpu:NoSchedule is not tolerated");
  EXPECT_EQ(why_not_on({.tolerations = {{"nvidia.com/gpu", "Exists", "", ""}}}, one), "");
  EXPECT_EQ(why_not_on({.tolerations = {{"nvidia.com/gpu", "Equal", "", "NoSchedule"}}}, one), "");
  EXPECT_NE(why_not_on({.tolerations = {{"nvidia.com/gpu", "Equal", "yes", ""}}}, one), "");
  EXPECT_NE(why_not_on({.tolerations = {{"nvidia.com/gpu", "Exists", "", "NoExecute"}}}, one), "");
  EXPECT_EQ(why_not_on({.tolerations = {{"", "Exists", "", ""}}}, one), "");
  one.taints.clear();
  one.cordoned = true;
  EXPECT_EQ(why_not_on({}, one), "it is cordoned");
  EXPECT_EQ(why_not_on({.tolerations = {{"", "Exists", "", ""}}}, one), "");
}

}  // namespace
}  // namespace tessera::fleet
