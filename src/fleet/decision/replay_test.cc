#include "fleet/decision/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

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
    const auto scene = scene_of(supply, need, *policy, scope, *decision);
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
  auto scene = *scene_of(supply, need, *policy, {}, decision);
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
  EXPECT_TRUE(scene_of(supply, need, *policy, {}, decision, 2));
  EXPECT_FALSE(scene_of(supply, need, *policy, {}, decision, 1));
}

Candidate l40s(unsigned number, bool held = false) {
  Candidate out = test_candidate(number, "L40S", 46'068);
  if (held) out.held_by = "ml/has-" + out.id;
  return out;
}

Decision decided_on(const Supply& supply, const Need& need, Policy& policy) {
  Stock stock(supply);
  return std::get<Decision>(decide(stock, need, policy));
}

/// The node that would be broken up for one device comes first, and alone its device is as good as the other one.
TEST(Replay, TheNodesAreKeptWhereTheyAreWhatItIsDecidedBy) {
  Supply supply{0, {}, {}};
  for (unsigned i = 0; i < 8; ++i) supply.candidates.push_back(l40s(i, i > 4));
  const auto policy = *make_policy("default", {});
  const Need need{.mig = MigUse::Never};
  const Decision decision = decided_on(supply, need, *policy);
  ASSERT_EQ(decision.grants[0].node, "w-01") << "three of its four are taken already";
  const auto scene = scene_of(supply, need, *policy, {}, decision);
  ASSERT_TRUE(scene);
  EXPECT_EQ(scene->supply.candidates.size(), 8U);
  EXPECT_FALSE(scene_of(supply, need, *policy, {}, decision, 7)) << "less is not enough";
}

/// Of two models that cost alike the one that is asked for more is given where there is much of it, also where it may
/// not be looked at: what is scarce, all of the fleet says.
TEST(Replay, AllIsKeptWhereWhatIsScarceDecides) {
  Supply supply{0, {}, {}};
  for (unsigned i = 0; i < 4 * 12; ++i) {
    supply.candidates.push_back(l40s(i));
    if (i < 4) supply.candidates.back().model = "L40";
  }
  const Scope scope = [](const std::string&, const std::string& node) -> std::optional<std::string> {
    return node > "w-01" ? std::nullopt : std::optional(std::string());
  };
  const auto policy = *make_policy(
      "default", mix_of(std::vector<Need>{
                     {.models = {"L40S"}}, {.devices = 2, .models = {"L40S"}}, {.models = {"L40"}}, {.devices = 4}}));
  const Need need{.mig = MigUse::Never};
  Stock stock(supply);
  const auto decision = std::get<Decision>(decide(stock, need, *policy, scope));
  ASSERT_EQ(decision.grants[0].model, "L40S");
  ASSERT_EQ(decision.runners_up[0].grant.model, "L40");
  const auto scene = scene_of(supply, need, *policy, scope, decision);
  ASSERT_TRUE(scene);
  EXPECT_EQ(scene->supply.candidates.size(), supply.candidates.size());
  EXPECT_EQ(scene->closed.size(), 10U);
  EXPECT_TRUE(gives_the_same(std::get<Decision>(*replay(*scene)), decision));
  EXPECT_FALSE(scene_of(supply, need, *policy, scope, decision, supply.candidates.size() - 1)) << "less is not enough";
}

/// In a fleet with more devices than are kept only the nodes that are named are looked at.
TEST(Replay, OfALargeFleetOnlyWhatIsNamedIsLookedAt) {
  Supply supply{0, {}, {}};
  for (unsigned i = 0; i < 40; ++i) supply.candidates.push_back(i / 4 % 2 == 0 ? h100(i) : l40s(i, i % 4 > 1));
  for (unsigned i = 40; i < 10 * kMostKept; ++i) supply.candidates.push_back(l40s(4000 + i));
  const auto policy = *make_policy("default", {});
  for (const Need& need : {Need{.memory_mib = 9'000, .mig = MigUse::Required}, Need{.mig = MigUse::Never}}) {
    const Decision decision = decided_on(supply, need, *policy);
    std::set<std::string> asked, named;
    for (const Grant& one : decision.grants) named.insert(one.node);
    for (const RunnerUp& one : decision.runners_up) named.insert(one.grant.node);
    const auto scene = scene_of(
        supply, need, *policy,
        [&](const std::string&, const std::string& node) {
          asked.insert(node);
          return std::string();
        },
        decision);
    EXPECT_EQ(asked, named);
    ASSERT_TRUE(scene);
    EXPECT_LE(scene->supply.candidates.size(), 4 * named.size());
    EXPECT_TRUE(gives_the_same(std::get<Decision>(*replay(*scene)), decision));
  }
}

TEST(Replay, DoesNotCountTheWaysThatThereWere) {
  Supply supply{0, {}, {}};
  for (unsigned i = 0; i < 12; ++i) supply.candidates.push_back(h100(i));
  const auto policy = *make_policy("default", {});
  const Need need{.memory_mib = 9'000, .mig = MigUse::Required};
  const Decision decision = decided_on(supply, need, *policy);
  const auto scene = *scene_of(supply, need, *policy, {}, decision);
  const auto again = std::get<Decision>(*replay(scene));
  EXPECT_TRUE(gives_the_same(again, decision));
  EXPECT_THAT(decision.reason.sentence, testing::ContainsRegex("of [0-9]+ ways it costs"));
  EXPECT_THAT(again.reason.sentence, testing::HasSubstr(": of the ways it costs"));
}

}  // namespace
}  // namespace tessera::fleet::decision
