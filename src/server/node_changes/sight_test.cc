#include "server/node_changes/sight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tessera::server::nodes {
namespace {

using Instances = std::vector<store::WantedInstance>;

/// What a node comes to by what its agent tells of a device of which a layout is wanted.
/// It was told when the newest wish was of that generation.
DeviceSight seen(const Instances& stands, const Instances& wanted, const Instances& planned_from,
                 std::int64_t told_at = 3) {
  const fleet::View view;
  fleet::ClusterView cluster;
  cluster.cluster = "default";
  const WantedLayouts layouts{0, {}};
  const Rules rules;
  auto told = std::make_shared<ToldNode>();
  ToldDevice device{.uuid = "GPU-1", .mig = true};
  for (const store::WantedInstance& one : stands) device.instances.push_back({one, {one.profile}});
  told->devices.push_back(device);
  told->generation = told_at;
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
  EXPECT_TRUE(changed.changed);
  EXPECT_THAT(changed.says, testing::HasSubstr("changed by somebody else: 3g.40gb at 4"));
  const DeviceSight before = seen({one, three}, {two}, {one}, 2);
  EXPECT_EQ(before.course, Course::Ended) << "nothing is begun with";
  EXPECT_FALSE(before.changed) << "it may have gone before this was planned";
}

TEST(Sight, OfADeviceThatSomebodyElseHasChangedIsToldThoughNothingIsDoneToItsNode) {
  const store::WantedInstance one{"1g.10gb", {0, 1}}, two{"2g.20gb", {2, 2}}, three{"3g.40gb", {4, 4}};
  NodeSight node;
  node.agent_asks = true;
  node.devices = {seen({one, three}, {two}, {one})};
  const Verdict alone = next_step(node, {}, "", 0);
  EXPECT_EQ(alone.act, Verdict::Act::Nothing);
  EXPECT_EQ(alone.state, "waiting");
  EXPECT_THAT(alone.reason, testing::HasSubstr("GPU-1: changed by somebody else: 3g.40gb at 4"));
  EXPECT_FALSE(alone.told);
  EXPECT_EQ(alone.changed.size(), 1U);
  node.devices.push_back(seen({one}, {two}, {one}));
  const Verdict beside = next_step(node, {}, "", 0);
  EXPECT_EQ(beside.act, Verdict::Act::Write) << "another device of the node is cut all the same";
  EXPECT_EQ(beside.changed.size(), 1U);
}

}  // namespace
}  // namespace tessera::server::nodes
