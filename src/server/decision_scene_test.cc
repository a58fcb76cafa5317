#include "server/decision_scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fleet/decision/random_fleet.h"

namespace tessera::server {
namespace {
namespace decision = fleet::decision;

/// Each member has something else than what it has anyway.
decision::Scene full() {
  decision::Scene out;
  out.need = {.devices = 2,
              .memory_mib = 20'096,
              .compute_milli = 250,
              .compute_slices = 2,
              .profile = "2g.20gb",
              .resource = "nvidia.com/gpu.shared",
              .models = {"H100_80GB", "L40S"},
              .type = decision::WorkloadType::Batch,
              .mig = decision::MigUse::Required,
              .owner = "ml/\"p\"",
              .priority = -3,
              .most_price_micros = 2'500'000,
              .same_node = false,
              .cpu_milli = 4'000,
              .node_memory_mib = 16'000};
  out.policy = "fgd";
  out.mix = {{{.memory_mib = 9'000}, 1.0 / 3}, {out.need, 2.0 / 3}};
  out.closed = {{"c", "w-7"}};
  out.supply.as_of = 1'800'000'000'000;
  decision::Candidate device = decision::h100(0);
  device.sm_count = 132;
  device.may_switch_on = device.may_move = device.withheld = device.may_be_taken = true;
  device.may_cut = false;
  device.uncut = "nobody asks";
  device.held_by = "ml/whole";
  device.idle = Milliseconds(60'000);
  device.unfit = "it is silent";
  device.price_micros = 3'000'000;
  device.shares = decision::Shares{4, 3, 1'000, "nvidia.com/gpu.shared", true};
  device.pieces = {{.placed = {decision::k2g, {2, 2}},
                    .held_by = "ml/p",
                    .stands = false,
                    .parted = true,
                    .may_move = true,
                    .gpu_instance = 3,
                    .uuid = "MIG-3",
                    .idle = Milliseconds(0)}};
  out.supply.candidates = {device, decision::h100(1), decision::a100(2), decision::t4(3)};
  out.supply.nodes[{"c", "w-00"}] = {64'000, 256'000, -1'000, 4'000};
  return out;
}

void expect_the_same(const decision::Scene& a, const decision::Scene& b) {
  EXPECT_EQ(a.need, b.need);
  EXPECT_EQ(a.policy, b.policy);
  EXPECT_EQ(a.closed, b.closed);
  ASSERT_EQ(a.mix.size(), b.mix.size());
  for (std::size_t i = 0; i < a.mix.size(); ++i) {
    EXPECT_EQ(a.mix[i].need, b.mix[i].need);
    EXPECT_EQ(a.mix[i].share, b.mix[i].share) << "to the last digit";
  }
  EXPECT_EQ(a.supply.as_of, b.supply.as_of);
  EXPECT_EQ(a.supply.nodes, b.supply.nodes);
  ASSERT_EQ(a.supply.candidates.size(), b.supply.candidates.size());
  for (std::size_t i = 0; i < a.supply.candidates.size(); ++i) {
    decision::Candidate one = a.supply.candidates[i], other = b.supply.candidates[i];
    ASSERT_EQ(!one.profiles, !other.profiles);
    EXPECT_TRUE(std::ranges::equal(one.offered(), other.offered(), [](const auto& p, const auto& q) {
      return p.id == q.id && p.name == q.name && p.compute_slices == q.compute_slices && p.sm_count == q.sm_count &&
             p.memory_bytes == q.memory_bytes && p.max_instances == q.max_instances && p.placements == q.placements;
    }));
    one.profiles = other.profiles = nullptr;
    EXPECT_EQ(one, other) << one.id;
  }
}

TEST(SceneText, GivesBackWhatItWasGiven) {
  const decision::Scene scene = full();
  const auto again = read_scene(scene_text(scene));
  ASSERT_TRUE(again) << again.error().what;
  expect_the_same(scene, *again);
  const auto usual = read_scene(scene_text({.policy = "default"}));
  ASSERT_TRUE(usual) << usual.error().what;
  expect_the_same({.policy = "default"}, *usual);
}

TEST(SceneText, OfWhatIsReadTheSameIsDecidedAndItIsShort) {
  decision::Random random(43);
  std::size_t longest = 0, decided = 0, sum = 0;
  for (int round = 0; round < 60; ++round) {
    decision::Supply supply = decision::some_fleet(20, random);
    decision::idle_and_priced(supply, random);
    std::vector<decision::Need> needs;
    for (int i = 0; i < 20; ++i) needs.push_back(decision::some_need(random));
    const decision::Mix mix = decision::mix_of(needs);
    const auto policy = *decision::make_policy("default", mix);
    const decision::Need need = decision::some_need(random);
    const auto verdict = decision::decide(supply, need, *policy);
    const auto* decision = std::get_if<decision::Decision>(&verdict);
    if (!decision) continue;
    const std::string text = scene_to_keep(supply, need, mix, {}, *decision);
    const auto scene = read_scene(text);
    ASSERT_TRUE(scene) << text;
    const auto again = decision::replay(*scene);
    ASSERT_TRUE(again && std::holds_alternative<decision::Decision>(*again));
    EXPECT_TRUE(decision::gives_the_same(std::get<decision::Decision>(*again), *decision));
    longest = std::max(longest, text.size());
    sum += text.size();
    ++decided;
  }
  ASSERT_GT(decided, 20U);
  RecordProperty("mean", static_cast<int>(sum / decided));
  RecordProperty("longest", static_cast<int>(longest));
  EXPECT_LT(longest, 16'000U);
}

TEST(SceneText, SaysWhatIsNone) {
  for (const char* bad : {"", "[]", "{}", R"({"policy":3})", "nothing"}) EXPECT_FALSE(read_scene(bad)) << bad;
  std::string text = scene_text(full());
  const std::string table = R"("profiles":1)";  // the second of the tables
  ASSERT_NE(text.find(table), std::string::npos);
  text.replace(text.find(table), table.size(), R"("profiles":7)");
  EXPECT_FALSE(read_scene(text)) << "it has no such table";
}

}  // namespace
}  // namespace tessera::server
