#include "fleet/decision/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "fleet/decision/random_fleet.h"

namespace tessera::fleet::decision {
namespace {

Mix some_mix(Random& random) {
  std::vector<Need> needs;
  for (auto i = random() % 20; i > 0; --i) needs.push_back(some_need(random));
  return needs.empty() ? Mix() : mix_of(needs);
}

/// Nodes of four devices that are not cut, of which some are held, with what they have beside them.
void add_whole_devices(Supply& to, unsigned nodes, Random& random) {
  for (unsigned i = 0; i < 4 * nodes; ++i) {
    to.candidates.push_back(test_candidate(400 + i, random() % 3 == 0 ? "T4" : "L40S", 46'068));
    if (random() % 3 == 0) to.candidates.back().held_by = "ml/has-" + to.candidates.back().id;
    const auto free = static_cast<std::int64_t>(random() % 64);
    to.nodes[{"c", to.candidates.back().node}] = {64'000, 256'000, 1000 * free, 4000 * free};
  }
}

TEST(Replay, OfWhatIsKeptTheSameIsDecidedOnEveryFleet) {
  Random random(41);
  std::map<Kind, int> decided;
  std::size_t most = 0, all = 0, kept = 0;
  for (int round = 0; round < 150; ++round) {
    Supply supply = some_fleet(static_cast<unsigned>(random() % 24), random);
    add_whole_devices(supply, static_cast<unsigned>(random() % 6), random);
    idle_and_priced(supply, random);
    supply.as_of = 1'000 * round;
    Need need = some_need(random);
    if (random() % 4 == 0) need = {.devices = 1 + static_cast<unsigned>(random() % 3), .mig = MigUse::Never};
    need.type = static_cast<WorkloadType>(random() % kWorkloadTypes);
    const Scope scope = some_scope(random);
    const auto name = policy_names()[random() % policy_names().size()];
    const auto policy = *make_policy(name, some_mix(random));
    Stock stock(supply);  // as a server decides
    const auto verdict = decide(stock, need, *policy, scope);
    const auto* decision = std::get_if<Decision>(&verdict);
    if (!decision) continue;
    ++decided[decision->grants[0].kind];
    const auto scene = scene_of(supply, need, policy->mix(), scope, *decision);
    ASSERT_TRUE(scene) << name << ", round " << round;
    const auto again = replay(*scene);
    ASSERT_TRUE(again);
    ASSERT_TRUE(std::holds_alternative<Decision>(*again)) << name << ", round " << round;
    EXPECT_TRUE(gives_the_same(std::get<Decision>(*again), *decision)) << name << ", round " << round;
    EXPECT_EQ(scene->supply.as_of, supply.as_of);
    if (decision->grants[0].kind != Kind::Device) most = std::max(most, scene->supply.candidates.size());
    all += supply.candidates.size();
    kept += scene->supply.candidates.size();
  }
  EXPECT_GT(decided[Kind::Instance], 10);
  EXPECT_GT(decided[Kind::Placement], 10);
  EXPECT_GT(decided[Kind::Device], 20);
  EXPECT_LE(most, 4U) << "of instances: what was given, and at most three that came next";
  EXPECT_LT(kept, all / 2);
}

TEST(Replay, WhatIsKeptDecidesOtherwiseWhereItIsChanged) {
  Supply supply{0, {h100(0), h100(1)}};
  supply.candidates[0].pieces = {piece(k4g, 0, 4, "ml/a")};
  const auto policy = *make_policy("default", {});
  const Need need{.memory_mib = 9'000, .mig = MigUse::Required};
  const auto verdict = decide(supply, need, *policy);
  const auto& decision = std::get<Decision>(verdict);
  ASSERT_EQ(decision.grants[0].candidate, 0U) << "where others are";
  auto scene = *scene_of(supply, need, {}, {}, decision);
  ASSERT_EQ(scene.supply.candidates.size(), 2U);
  scene.policy = "spread";
  EXPECT_FALSE(gives_the_same(std::get<Decision>(*replay(scene)), decision));
  scene.policy = "default";
  scene.supply.candidates[0].unfit = "it is silent";
  EXPECT_FALSE(gives_the_same(std::get<Decision>(*replay(scene)), decision));
  scene.closed = {{"c", scene.supply.candidates[0].node}};
  EXPECT_TRUE(std::holds_alternative<Refusal>(*replay(scene)));
  scene.policy = "of another version";
  EXPECT_FALSE(replay(scene));
}

TEST(Replay, NothingIsKeptOfWhatIsTooMuch) {
  Supply supply{0, {t4(0), t4(1), t4(4)}};
  const auto policy = *make_policy("default", {});
  const Need need{.devices = 2, .mig = MigUse::Never};
  const auto verdict = decide(supply, need, *policy);
  const auto& decision = std::get<Decision>(verdict);
  EXPECT_TRUE(scene_of(supply, need, {}, {}, decision, 2));
  EXPECT_FALSE(scene_of(supply, need, {}, {}, decision, 1));
}

}  // namespace
}  // namespace tessera::fleet::decision
