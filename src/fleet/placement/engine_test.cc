#include "fleet/placement/engine.h"

#include <gtest/gtest.h>

#include "fleet/placement/baselines.h"
#include "fleet/placement/test_fleet.h"

namespace tessera::fleet::placement {
namespace {

struct Held {
  Request request;
  Place place;
};

std::int64_t taken_milli(const std::vector<Held>& held, std::uint32_t node, unsigned device) {
  std::int64_t sum = 0;
  for (const auto& [request, place] : held)
    if (place.node == node && (place.devices >> device & 1U) != 0) sum += request.device_milli;
  return sum;
}

// What each node has left is what it had less what is held there: nothing is promised twice, nothing gets lost.
void expect_conserved(const std::vector<Room>& before, const std::vector<Room>& now, const std::vector<Held>& held) {
  for (std::uint32_t node = 0; node < before.size(); ++node) {
    Room expected = before[node];
    for (const auto& [request, place] : held)
      if (place.node == node) {
        expected.cpu_milli -= request.cpu_milli;
        expected.memory_mib -= request.memory_mib;
      }
    EXPECT_EQ(now[node].cpu_milli, expected.cpu_milli);
    EXPECT_EQ(now[node].memory_mib, expected.memory_mib);
    EXPECT_GE(now[node].cpu_milli, 0);
    EXPECT_GE(now[node].memory_mib, 0);
    for (unsigned i = 0; i < before[node].devices; ++i)
      EXPECT_EQ(now[node].milli[i], before[node].milli[i] - taken_milli(held, node, i))
          << "node " << node << " device " << i;
  }
}

class EveryPolicy : public testing::TestWithParam<std::string_view> {
 protected:
  Engine engine(std::uint64_t seed) const {
    const auto nodes = test_fleet(40, seed);
    return {nodes, *make_policy(GetParam(), {test_mix(), nodes, seed}), seed};
  }
};

TEST_P(EveryPolicy, PromisesNothingTwiceAndTakesBackExactly) {
  Engine engine = this->engine(1);
  const std::vector<Room> empty = engine.rooms();
  std::mt19937_64 random(1);
  std::vector<Held> held;
  for (int step = 0; step < 600; ++step) {
    if (random() % 4 == 0 && !held.empty()) {
      const std::size_t gone = random() % held.size();
      engine.give_back(held[gone].request, held[gone].place);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(gone));
    } else {
      const Request request = test_request(random);
      const auto place = engine.decide(request);
      EXPECT_EQ(place.has_value(),
                std::ranges::any_of(engine.rooms(), [&](const Room& room) { return fits(room, request); }));
      if (!place) continue;
      EXPECT_EQ(std::popcount(place->devices), static_cast<int>(request.devices));
      for (unsigned i = 0; i < kMaxDevices; ++i)
        if ((place->devices >> i & 1U) != 0) EXPECT_TRUE(device_fits(engine.rooms()[place->node], i, request));
      engine.take(request, *place);
      held.push_back({request, *place});
    }
    if (step % 50 == 0) expect_conserved(empty, engine.rooms(), held);
  }
  expect_conserved(empty, engine.rooms(), held);
  for (const auto& [request, place] : held) engine.give_back(request, place);
  EXPECT_EQ(engine.rooms(), empty);
}

class PolicyThatRemembers : public EveryPolicy {};

TEST_P(PolicyThatRemembers, SaysWhatItWouldComputeAnew) {
  Engine engine = this->engine(2);
  std::mt19937_64 random(2);
  std::vector<Held> held;
  for (int step = 0; step < 400; ++step) {
    const Request request = test_request(random);
    const auto place = engine.decide(request);
    const auto ranking = engine.ranking(request);
    ASSERT_EQ(place, ranking.empty() ? std::nullopt : std::optional(ranking.front())) << "step " << step;
    if (place && random() % 3 != 0) {
      engine.take(request, *place);
      held.push_back({request, *place});
    }
    if (!held.empty() && random() % 8 == 0) {
      engine.give_back(held.back().request, held.back().place);
      held.pop_back();
    }
  }
}

TEST_P(EveryPolicy, DecidesTheSameAgain) {
  Engine one = engine(3), other = engine(3);
  std::mt19937_64 random(3);
  for (int step = 0; step < 300; ++step) {
    const Request request = test_request(random);
    const auto place = one.decide(request);
    ASSERT_EQ(place, other.decide(request));
    if (!place) continue;
    one.take(request, *place);
    other.take(request, *place);
  }
}

INSTANTIATE_TEST_SUITE_P(Placement, EveryPolicy, testing::ValuesIn(policy_names().begin(), policy_names().end()),
                         [](const auto& info) { return std::string(info.param); });
// All but "random", which draws.
INSTANTIATE_TEST_SUITE_P(Placement, PolicyThatRemembers,
                         testing::ValuesIn(policy_names().begin() + 1, policy_names().end()),
                         [](const auto& info) { return std::string(info.param); });

TEST(PlacementEngine, ForgetsNoChangeOfANodeHoweverLongAKindWasNotAskedFor) {
  Engine engine(test_fleet(3, 1), make_bestfit());
  const Request rare{.cpu_milli = 1000, .devices = 1, .device_milli = 1000};
  const Request often{.cpu_milli = 1000, .devices = 1, .device_milli = 500};
  const auto before = engine.decide(rare);
  for (int i = 0; i < 100; ++i) {
    const auto place = engine.decide(often);
    engine.take(often, *place);
    engine.give_back(often, *place);
  }
  EXPECT_EQ(engine.decide(rare), before);
  engine.set_room(before->node, Room{});
  EXPECT_NE(engine.decide(rare)->node, before->node);
}

TEST(PlacementEngine, TakesWhatNobodyTellsForNoLimit) {
  Room room;
  room.devices = 1;
  room.milli[0] = kWholeMilli;
  Engine engine({room}, make_bestfit());
  const Request request{.cpu_milli = 64'000, .memory_mib = 1 << 20, .devices = 1, .device_milli = 250};
  for (int i = 0; i < 4; ++i) engine.take(request, engine.decide(request).value());
  EXPECT_EQ(engine.rooms()[0].cpu_milli, kNoLimit);
  EXPECT_EQ(engine.decide(request), std::nullopt);
}

TEST(PlacementEngine, HasNoPlaceWhereThereIsNoNode) {
  Engine engine({}, make_bestfit());
  EXPECT_EQ(engine.decide({}), std::nullopt);
}

TEST(PlacementEngine, PrefersTheFirstOfEqualNodes) {
  Engine engine(std::vector<Room>(5, test_room(2, 0)), make_packing());
  const Request request{.cpu_milli = 1000, .devices = 2, .device_milli = 1000};
  for (std::uint32_t node = 0; node < 5; ++node) {
    const auto place = engine.decide(request);
    EXPECT_EQ(place->node, node);
    engine.take(request, *place);
  }
}

}  // namespace
}  // namespace tessera::fleet::placement
