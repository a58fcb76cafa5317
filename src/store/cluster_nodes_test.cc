#include "store/cluster_nodes.h"

#include "store/devices.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {

struct ClusterNodesTest : EachDatabase {
  void has_device(const std::string& node) {
    fleet::Remembered one;
    one.cluster = "east";
    one.node = node;
    fleet::DeviceFacts facts;
    facts.uuid = "GPU-" + node;
    one.device.facts = std::make_shared<const fleet::DeviceFacts>(std::move(facts));
    ASSERT_TRUE(write_device(*database, one));
  }
  ClusterNodes known(std::string_view cluster) {
    auto found = cluster_nodes(*database, cluster);
    if (!found) throw std::runtime_error(found.error().what);
    return *std::move(found);
  }
};
INSTANTIATE_EACH_DATABASE(ClusterNodesTest);

TEST_P(ClusterNodesTest, AreKnownWithTheTimeTheyLeftWhileTheyHaveDevices) {
  for (const char* node : {"a", "b"}) has_device(node);
  ASSERT_TRUE(write_cluster_node(*database, "east", "a", std::nullopt, 9));
  ASSERT_TRUE(write_cluster_node(*database, "east", "b", 1'800'000'000'000, 9));
  ASSERT_TRUE(write_cluster_node(*database, "east", "no_devices", 7, 9));
  ASSERT_TRUE(write_cluster_node(*database, "west", "a", 8, 9));
  EXPECT_EQ(known("east"), (ClusterNodes{{"a", std::nullopt}, {"b", 1'800'000'000'000}}));
  ASSERT_TRUE(write_cluster_node(*database, "east", "b", std::nullopt, 1'800'000'000'500));
  EXPECT_EQ(known("east"), (ClusterNodes{{"a", std::nullopt}, {"b", std::nullopt}}));
  EXPECT_EQ(known("west"), ClusterNodes{}) << "no device of that cluster is known";

  using Absences = std::vector<ClusterAbsence>;
  const ClusterAbsence away{"east", "b", 1'800'000'000'000, 1'800'000'000'500};
  EXPECT_EQ(*cluster_absences(*database, 0, 2'000'000'000'000), Absences{away});
  EXPECT_EQ(*cluster_absences(*database, away.begins - 9, away.begins), Absences{});
  EXPECT_EQ(*cluster_absences(*database, away.ends - 1, away.ends), Absences{away});
  EXPECT_EQ(*cluster_absences(*database, away.ends, away.ends + 9), Absences{});
  ASSERT_TRUE(drop_cluster_absences_before(*database, away.ends + 1));
  EXPECT_EQ(*cluster_absences(*database, 0, 2'000'000'000'000), Absences{});
}

}  // namespace
}  // namespace tessera::store
