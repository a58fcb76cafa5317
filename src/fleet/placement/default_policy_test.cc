#include "fleet/placement/default_policy.h"

#include <gtest/gtest.h>

#include "fleet/placement/scarcity.h"
#include "fleet/placement/streams.h"
#include "fleet/placement/test_fleet.h"

namespace tessera::fleet::placement {
namespace {

constexpr Request kHalf{.cpu_milli = 4'000, .devices = 1, .device_milli = 500};
constexpr Request kOne{.cpu_milli = 12'000, .devices = 1, .device_milli = 1'000};
constexpr Request kEight{.cpu_milli = 64'000, .devices = 8, .device_milli = 1'000};

Room left(Room room, std::vector<std::uint16_t> milli, std::int64_t cpu_milli) {
  std::ranges::copy(milli, room.milli.begin());
  room.cpu_milli = cpu_milli;
  return room;
}

TEST(PlacementStreams, FillWhatTheMixFits) {
  Streams streams({{kHalf, 1}});
  EXPECT_EQ(streams.filled_milli(test_room(2, 0)), 2000);
  EXPECT_EQ(streams.filled_milli(left(test_room(2, 0), {700, 400}, 24'000)), 500);
  EXPECT_EQ(streams.filled_milli(left(test_room(2, 0), {0, 0}, 24'000)), 0);
}

TEST(PlacementStreams, FillNoGpuThatHasNoCpuBesideIt) {
  Streams streams({{kHalf, 1}});
  EXPECT_EQ(streams.filled_milli(left(test_room(2, 0), {1000, 1000}, 4'000)), 500);
  EXPECT_EQ(streams.filled_milli(left(test_room(2, 0), {1000, 1000}, 3'000)), 0);
}

TEST(PlacementStreams, AreNotFilledByRequestsForAnotherModel) {
  Request other = kHalf;
  other.models = 0b10;
  Streams streams({{other, 1}});
  EXPECT_EQ(streams.filled_milli(test_room(1, 0)), 0);
  EXPECT_EQ(streams.filled_milli(test_room(1, 1)), 1000);
}

TEST(PlacementStreams, HaveEachKindAsOftenAsTheMix) {
  // On one device either a whole one comes first and fills it, or a half does and then only another half can.
  Streams streams({{kOne, 0.5}, {kHalf, 0.5}});
  EXPECT_EQ(streams.filled_milli(test_room(1, 0)), 1000);
  EXPECT_EQ(streams.filled_milli(left(test_room(1, 0), {999}, 12'000)), 500);
}

class PlacementScarcity : public testing::Test {
 protected:
  PlacementScarcity() {
    for (int i = 0; i < 9; ++i) nodes.push_back(test_room(8, 0));
    nodes.push_back(test_room(8, 1));
    number_shapes(nodes);
  }
  Room less(const Room& room, const Request& request) const {
    Room after = room;
    take(after, request, first_fit(after, request));
    return after;
  }
  std::vector<Room> nodes;
};

TEST_F(PlacementScarcity, PricesTheModelThatOthersNeed) {
  Request bound = kOne;
  bound.models = 0b10;
  const Scarcity scarcity({{kOne, 0.8}, {bound, 0.2}}, nodes, nodes);
  // All can use the first nine nodes: 0.1 * 0.8 of a milli. The tenth has a tenth of the room for a fifth of the
  // demand.
  EXPECT_NEAR(scarcity.cost(nodes[0], less(nodes[0], kOne)), 80, 1e-9);
  EXPECT_NEAR(scarcity.cost(nodes[9], less(nodes[9], kOne)), 80 + 0.1 * 0.2 / 0.1 * 1000, 1e-9);
}

TEST_F(PlacementScarcity, PricesTheFirstDeviceOfAWholeNodeOnly) {
  const Scarcity scarcity({{kOne, 8.0 / 9}, {kEight, 1.0 / 9}}, nodes, nodes);  // half of the GPU each
  const Room opened = less(nodes[0], kOne);
  EXPECT_NEAR(scarcity.cost(nodes[0], opened), 0.1 * 0.5 * (1000 + 8000), 1e-9);
  EXPECT_NEAR(scarcity.cost(opened, less(opened, kOne)), 0.1 * 0.5 * 1000, 1e-9);
}

TEST_F(PlacementScarcity, PricesTheCpuThatAWholeNodeNeeds) {
  const Scarcity scarcity({{kEight, 1}}, nodes, nodes);
  EXPECT_EQ(scarcity.cost(nodes[0], less(nodes[0], {.cpu_milli = 32'000})), 0);
  EXPECT_NEAR(scarcity.cost(nodes[0], less(nodes[0], {.cpu_milli = 32'001})), 0.1 * 8000, 1e-9);
}

TEST_F(PlacementScarcity, RaisesThePriceOfWhatGetsScarcer) {
  Scarcity scarcity({{kOne, 8.0 / 9}, {kEight, 1.0 / 9}}, nodes, nodes);
  const double before = scarcity.cost(nodes[0], less(nodes[0], kOne));
  EXPECT_FALSE(scarcity.reprice());
  for (int i = 1; i < 10; ++i) scarcity.changed(nodes[0], less(nodes[0], kOne));
  scarcity.changed(nodes[0], less(nodes[0], kEight));
  EXPECT_TRUE(scarcity.reprice());
  EXPECT_GT(scarcity.cost(nodes[0], less(nodes[0], kOne)), 2 * before);
}

TEST_F(PlacementScarcity, WhereWorkloadsLeaveWeighsMoreAndWatchesEachGroup) {
  Scarcity scarcity({{kOne, 8.0 / 9}, {kEight, 1.0 / 9}}, nodes, nodes);
  const Room opened = less(nodes[0], kOne);
  // Of two nodes one device each: a fortieth of the GPU that is free, and a fifth of the nodes that are whole.
  for (int i = 0; i < 2; ++i) scarcity.changed(nodes[0], opened);
  EXPECT_FALSE(scarcity.reprice());
  scarcity.expect_leaving();
  const double first = 2 * 0.5 * (1000 + 78.0 / 64 * 8000);  // but for the steps of a tenth that both are on
  EXPECT_NEAR(scarcity.cost(nodes[0], opened), first, 0.1 * first);
  for (int i = 0; i < 2; ++i) scarcity.changed(nodes[0], opened);
  EXPECT_TRUE(scarcity.reprice());
  const double second = 2 * 0.5 * (1000 + 76.0 / 48 * 8000);
  EXPECT_NEAR(scarcity.cost(nodes[0], opened), second, 0.1 * second);
  EXPECT_FALSE(scarcity.reprice());
  std::vector<Room> now = nodes;
  for (int i = 0; i < 4; ++i) now[static_cast<std::size_t>(i)] = opened;
  Scarcity anew({{kOne, 8.0 / 9}, {kEight, 1.0 / 9}}, nodes, now);
  anew.expect_leaving();
  EXPECT_EQ(anew.cost(nodes[0], opened), scarcity.cost(nodes[0], opened)) << "how it came to be does not count";
}

TEST(PlacementDefault, WhereWorkloadsLeaveSmallDifferencesDoNotCount) {
  const auto nodes = test_fleet(20, 1);
  const auto policy = make_default(test_mix(), nodes);
  constexpr int kStep = 300'000;  // 300 milli, in the unit of scores
  const auto fine = [&] {
    int count = 0;
    for (const Room& room : nodes)
      for (const Request& request : test_requests())
        if (fits(room, request)) count += policy->offer(room, request).score % kStep != 0;
    return count;
  };
  EXPECT_GT(fine(), 20);
  Room held = nodes[0];
  take(held, kHalf, first_fit(held, kHalf));
  policy->changed(nodes[0], held);
  EXPECT_GT(fine(), 20) << "as long as all who come stay";
  const auto before = policy->revision();
  policy->changed(held, nodes[0]);
  EXPECT_GT(policy->revision(), before) << "what was said before holds no more";
  EXPECT_EQ(fine(), 0);
}

TEST(PlacementDefault, KeepsCpuBesideGpu) {
  std::vector<Room> nodes(2, test_room(8, 0));
  nodes[0].cpu_milli = 61'000;  // enough for five, and one more
  number_shapes(nodes);
  const auto policy = make_default({{kOne, 1}}, nodes);
  const Request small{.cpu_milli = 1'000, .devices = 1, .device_milli = 1'000};
  EXPECT_GT(policy->offer(nodes[0], small).score, policy->offer(nodes[1], small).score);
}

TEST(PlacementDefault, LearnsTheMixFromWhatArrives) {
  const auto nodes = test_fleet(20, 1);
  const auto learning = make_default({}, nodes);
  std::map<Request, std::uint64_t> counts;
  std::mt19937_64 random(1);
  for (int i = 0; i < 32; ++i) {
    const Request request = test_request(random);
    ++counts[request];
    learning->arrived(request, nodes);
  }
  const auto told = make_default(mix_of(counts), nodes);
  for (const Room& room : nodes)
    for (const Request& request : test_requests())
      if (fits(room, request)) EXPECT_EQ(learning->offer(room, request).score, told->offer(room, request).score);
  EXPECT_EQ(learning->revision(), 1U);
}

}  // namespace
}  // namespace tessera::fleet::placement
