// That what bench/placement measures is what a decision runs: both are driven side by side.
#include "fleet/decision/whole_devices.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>

#include "fleet/decision/decide.h"
#include "fleet/decision/samples.h"
#include "fleet/placement/test_fleet.h"

namespace tessera::fleet::decision {
namespace {
using testing::HasSubstr;

/// The fleet of placement's tests, as a cluster tells of it. Its models are numbered in the order of the nodes.
struct Both {
  explicit Both(std::uint64_t seed) : rooms(placement::test_fleet(40, seed)) {
    placement::ModelNumbers numbers;
    for (std::size_t node = 0; node < rooms.size(); ++node) {
      placement::Room& room = rooms[node];
      const std::string name = fmt::format("w-{:02}", node);
      supply.nodes[{"c", name}] = {room.cpu_milli, room.memory_mib, room.cpu_milli, room.memory_mib};
      for (unsigned i = 0; i < room.devices; ++i) {
        Candidate one;
        one.cluster = "c";
        one.node = name;
        one.id = fmt::format("{}-GPU-{:02}", name, i);
        one.uuid = "GPU-" + one.id;
        one.model = fmt::format("M{}", room.model[i]);
        room.model[i] = *numbers.number(one.model);
        supply.candidates.push_back(one);
      }
    }
    placement::number_shapes(rooms);
    models = numbers.names();
  }

  Need need_of(const placement::Request& request) const {
    Need out{.devices = request.devices, .mig = MigUse::Never};
    out.cpu_milli = request.cpu_milli;
    out.node_memory_mib = request.memory_mib;
    for (std::size_t i = 0; i < models.size() && request.models != placement::kAnyModel; ++i)
      if ((request.models >> i & 1U) != 0) out.models.push_back(models[i]);
    return out;
  }

  std::vector<placement::Room> rooms;
  std::vector<std::string> models;
  Supply supply;
};

std::vector<placement::Request> whole_requests() {
  std::vector<placement::Request> out;
  for (placement::Request one : placement::test_requests()) {
    if (one.devices == 0 || one.shares()) continue;
    one.memory_mib = one.memory_mib / 1024 * 1024;
    out.push_back(one);
  }
  return out;
}

/// What a decision gave, as the engine says it.
placement::Place place_of(const Supply& supply, const std::vector<Grant>& grants) {
  placement::Place out;
  std::size_t at = 0;
  for (; supply.candidates[at].node != grants.front().node; ++at)
    if (at == 0 || supply.candidates[at].node != supply.candidates[at - 1].node) ++out.node;
  for (const Grant& one : grants) {
    EXPECT_EQ(one.kind, Kind::Device);
    out.devices = static_cast<placement::DeviceSet>(out.devices | 1U << (one.candidate - at));
  }
  return out;
}

struct Held {
  placement::Request request;
  placement::Place place;
  std::vector<std::size_t> candidates;
};

struct SideBySide : testing::TestWithParam<std::string_view> {
  void set_beside(Stock& stock, const placement::Room& room, std::uint32_t node) {
    const std::string name = fmt::format("w-{:02}", node);
    Beside beside = stock.supply().nodes.at({"c", name});
    beside.free_cpu_milli = room.cpu_milli;
    beside.free_memory_mib = room.memory_mib;
    stock.set_beside("c", name, beside);
  }
  void set_held(Stock& stock, const std::vector<std::size_t>& candidates, const std::string& by) {
    for (const std::size_t at : candidates) {
      Candidate one = stock.supply().candidates[at];
      one.held_by = by;
      stock.set(at, one);
    }
  }
};

TEST_P(SideBySide, AsTheEngineOfTheExperimentDecides) {
  Both both(5);
  const auto requests = whole_requests();
  std::vector<Need> asked;
  std::map<placement::Request, std::uint64_t> counts;
  for (const placement::Request& one : requests) {
    asked.push_back(both.need_of(one));
    ++counts[one];
  }
  const auto policy = *make_policy(GetParam(), mix_of(asked));
  placement::Engine engine(
      both.rooms, *placement::make_policy(policy->node_policy(), {placement::mix_of(counts), both.rooms, 0, true}));
  Stock stock(both.supply);
  std::mt19937_64 random(3);
  std::vector<Held> held;
  std::size_t placed = 0, refused = 0;
  for (int step = 0; step < 400; ++step) {
    if (random() % 3 == 0 && !held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      const Held gone = std::move(held.back());
      held.pop_back();
      engine.give_back(gone.request, gone.place);
      set_held(stock, gone.candidates, "");
      set_beside(stock, engine.rooms()[gone.place.node], gone.place.node);
      continue;
    }
    const placement::Request request = requests[random() % requests.size()];
    const auto place = engine.decide(request);
    const Need need = both.need_of(request);
    const auto verdict = decide(stock, need, *policy);
    if (!place) {
      // Where CPU is short the scheduler is left to say so: the engine alone refuses.
      ++refused;
      continue;
    }
    ++placed;
    const auto* decision = std::get_if<Decision>(&verdict);
    ASSERT_TRUE(decision) << "step " << step;
    const placement::Place given = place_of(both.supply, decision->grants);
    ASSERT_EQ(given.node, place->node) << "step " << step;
    ASSERT_EQ(given.devices, place->devices) << "step " << step;
    if (step % 50 == 0) {
      const auto anew = decide(stock.supply(), need, *policy);
      ASSERT_EQ(std::get<Decision>(anew).grants.front().candidate, decision->grants.front().candidate)
          << "what has lived decides as what is made of the fleet as it is";
    }
    Held now{request, *place, {}};
    for (const Grant& one : decision->grants) now.candidates.push_back(one.candidate);
    engine.take(request, *place);
    set_held(stock, now.candidates, "ml/x");
    set_beside(stock, engine.rooms()[place->node], place->node);
    held.push_back(now);
  }
  EXPECT_GT(placed, 100U);
  EXPECT_GT(refused, 10U);
}
INSTANTIATE_TEST_SUITE_P(WholeDevices, SideBySide,
                         testing::Values("firstfit", "packing", "bestfit", "fgd", "spread", "default"),
                         [](const auto& info) { return std::string(info.param); });

std::vector<Candidate> nodes_of(std::initializer_list<unsigned> devices) {
  std::vector<Candidate> out;
  unsigned node = 0;
  for (const unsigned count : devices) {
    for (unsigned i = 0; i < count; ++i) {
      Candidate one = t4(i);
      one.node = fmt::format("w-{:02}", node);
      one.id = fmt::format("{}-GPU-{:02}", one.node, i);
      one.uuid = "GPU-" + one.id;
      out.push_back(one);
    }
    ++node;
  }
  return out;
}

TEST(WholeDevices, OneDeviceLeavesNodesWholeForThoseThatNeedThem) {
  // Without a mix any size is expected: of an empty node, a broken one and another empty one the broken one is taken.
  Supply supply{0, nodes_of({8, 8, 8})};
  supply.candidates[9].held_by = "ml/a";
  const auto verdict = decide(supply, {}, **make_policy("default", {}));
  const auto& decision = std::get<Decision>(verdict);
  EXPECT_EQ(decision.grants[0].node, "w-01");
  EXPECT_THAT(decision.reason.sentence, HasSubstr("devices side by side"));
  ASSERT_EQ(decision.runners_up.size(), 2U) << "the best of each other node";
  EXPECT_EQ(decision.runners_up[0].grant.node, "w-00");
  const auto first = decide(supply, {}, **make_policy("firstfit", {}));
  EXPECT_EQ(std::get<Decision>(first).grants[0].node, "w-00");
  EXPECT_THAT(std::get<Decision>(first).reason.sentence, HasSubstr("by the policy firstfit"));
}

TEST(WholeDevices, ANodeWithoutTheCpuComesInQuestionWhereNoOtherDoes) {
  Supply supply{0, nodes_of({2, 2})};
  supply.nodes[{"c", "w-00"}] = {64'000, 1'000, 2'000, 1'000};
  supply.nodes[{"c", "w-01"}] = {64'000, 1'000, 32'000, 1'000};
  Need need;
  need.cpu_milli = 16'000;
  EXPECT_EQ(std::get<Decision>(decide(supply, need, **make_policy("default", {}))).grants[0].node, "w-01");
  need.cpu_milli = 48'000;
  EXPECT_EQ(std::get<Decision>(decide(supply, need, **make_policy("default", {}))).grants[0].node, "w-00");
}

TEST(WholeDevices, ACheaperDeviceComesBeforeADearerOneWhateverItsNode) {
  Supply supply{0, nodes_of({8, 1})};
  for (Candidate& one : supply.candidates) one.price_micros = one.node == "w-00" ? 1'000'000 : 3'000'000;
  for (const std::string_view name : {"default", "cost"})
    EXPECT_EQ(std::get<Decision>(decide(supply, {}, **make_policy(name, {}))).grants[0].node, "w-00") << name;
  EXPECT_EQ(std::get<Decision>(decide(supply, {}, **make_policy("bestfit", {}))).grants[0].node, "w-01");
}

TEST(WholeDevices, WhatIsOutOfScopeIsPassedOver) {
  Stock stock(Supply{0, nodes_of({1, 1, 8})});
  const Scope scope = [](const std::string&, const std::string& node) {
    return std::optional<std::string>(node == "w-02" ? "" : "it is cordoned");
  };
  const auto policy = *make_policy("default", {});
  EXPECT_EQ(std::get<Decision>(decide(stock, {}, *policy, scope)).grants[0].node, "w-02");
  EXPECT_EQ(std::get<Decision>(decide(stock, {}, *policy)).grants[0].node, "w-00");
}

TEST(WholeDevices, MoreKindsOfDevicesThanHaveANumberAreStillLegal) {
  Supply supply;
  for (unsigned i = 0; i < 90; ++i) {
    supply.candidates.push_back(test_candidate(4 * i, fmt::format("M{:02}", i), 1'000 + i));
  }
  Stock stock(supply);
  const auto policy = *make_policy("default", {});
  const auto verdict = decide(stock, {.memory_mib = 1'085, .models = {"M87", "M84"}}, *policy);
  EXPECT_EQ(std::get<Decision>(verdict).grants[0].model, "M87");
}

}  // namespace
}  // namespace tessera::fleet::decision
