#include "server/node_changes/sight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server::nodes {
namespace {

using Instances = std::vector<store::WantedInstance>;

/// What a node comes to by what its agent tells of a device of which a layout is wanted.
DeviceSight seen(const Instances& stands, const Instances& wanted, const Instances& planned_from) {
  const fleet::View view;
  fleet::ClusterView cluster;
  cluster.cluster = "default";
  const WantedLayouts layouts{0, {}};
  const Rules rules;
  auto told = std::make_shared<ToldNode>();
  ToldDevice device{.uuid = "GPU-1", .mig = true};
  for (const store::WantedInstance& one : stands) device.instances.push_back({one, {one.profile}});
  told->devices.push_back(device);
  SeenNode node;
  node.node.name = "w-1";
  const store::WantedLayout layout{"default", "GPU-1", "w-1", 3, wanted, planned_from, "tessera-server", 0};
  return sight_of(node, {}, {view, cluster, layouts, rules, {layout}, told}).devices.at(0);
}

TEST(Sight, OfADeviceThatSomebodyElseHasChangedIsThatItsAgentWillNot) {
  const store::WantedInstance one{"1g.10gb", {0, 1}}, two{"2g.20gb", {2, 2}}, three{"3g.40gb", {4, 4}};
  EXPECT_EQ(seen({two}, {two}, {one}).course, Course::Stands);
  EXPECT_EQ(seen({one}, {two}, {one}).course, Course::Open);
  EXPECT_EQ(seen({}, {two}, {one}).course, Course::Open) << "as after a reboot";
  const DeviceSight changed = seen({one, three}, {two}, {one});
  EXPECT_EQ(changed.course, Course::Ended);
  EXPECT_THAT(changed.says, testing::HasSubstr("changed by somebody else: 3g.40gb at 4"));
}

}  // namespace
}  // namespace tessera::server::nodes
