#include "server/decision_scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

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
              .resource = "nvidia.com/gpu.shared",
              .models = {"H100_80GB", "L40S"},
              .type = decision::WorkloadType::Batch,
              .mig = decision::MigUse::Never,
              .owner = "ml/\"p\"",
              .priority = -3,
              .most_price_micros = 2'500'000,
              .same_node = false,
              .cpu_milli = 4'000,
              .node_memory_mib = 16'000};
  out.policy = "fgd";
  decision::Need cut = out.need;
  cut.devices = 1;
  cut.compute_slices = 2;
  cut.profile = "2g.20gb";
  cut.mig = decision::MigUse::Required;
  out.mix = {{{.memory_mib = 9'000}, 1.0 / 3}, {cut, 2.0 / 3}};
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

Result<decision::Scene> read_again(const decision::Scene& scene) {
  return read_scene(scene_text(scene), mix_text(scene.mix));
}

TEST(SceneText, GivesBackWhatItWasGiven) {
  const decision::Scene scene = full();
  const auto again = read_again(scene);
  ASSERT_TRUE(again) << again.error().what;
  expect_the_same(scene, *again);
  const auto usual = read_again({.policy = "default"});
  ASSERT_TRUE(usual) << usual.error().what;
  expect_the_same({.policy = "default"}, *usual);
}

std::shared_ptr<const store::SceneMix> kept_mix(const decision::Mix& mix) {
  return MixTexts().of(std::make_shared<const decision::Mix>(mix));
}

TEST(SceneText, OfWhatIsReadTheSameIsDecidedAndItIsShort) {
  decision::Random random(43);
  std::size_t longest = 0, decided = 0, sum = 0, mixes = 0;
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
    const store::KeptScene kept = scene_to_keep("a", supply, need, *policy, kept_mix(mix), {}, *decision);
    EXPECT_EQ(kept.allocation, "a");
    ASSERT_TRUE(kept.mix);
    const auto scene = read_scene(kept.text, kept.mix->text);
    ASSERT_TRUE(scene) << kept.text;
    const auto again = decision::replay(*scene);
    ASSERT_TRUE(again && std::holds_alternative<decision::Decision>(*again));
    EXPECT_TRUE(decision::gives_the_same(std::get<decision::Decision>(*again), *decision));
    longest = std::max(longest, kept.text.size());
    sum += kept.text.size();
    mixes += kept.mix->text.size();
    ++decided;
  }
  ASSERT_GT(decided, 20U);
  RecordProperty("mean", static_cast<int>(sum / decided));
  RecordProperty("longest", static_cast<int>(longest));
  RecordProperty("mix", static_cast<int>(mixes / decided));
  EXPECT_LT(longest, 8'000U);
}

decision::Mix kinds(unsigned count) {
  std::vector<decision::Need> needs;
  for (unsigned i = 0; i < count; ++i)
    needs.push_back({.memory_mib = 1'000 + 7 * i, .mig = decision::MigUse::Required});
  return decision::mix_of(needs);
}

/// However much is asked for, a decision is kept; its length does not depend on the mix, which is kept once.
TEST(SceneText, AMixOfManyKindsIsKeptBesideIt) {
  const decision::Supply supply{0, {decision::h100(0), decision::a100(1)}};
  const decision::Need need{.memory_mib = 9'000, .mig = decision::MigUse::Required};
  std::size_t length = 0;
  for (const unsigned count : {20U, 600U, 2'500U, 5'000U}) {
    const decision::Mix mix = kinds(count);
    const auto policy = *decision::make_policy("default", mix);
    const auto verdict = decision::decide(supply, need, *policy);
    const auto text = kept_mix(mix);
    const auto kept = scene_to_keep("a", supply, need, *policy, text, {}, std::get<decision::Decision>(verdict));
    RecordProperty("mix_of_" + std::to_string(count), static_cast<int>(text->text.size()));
    RecordProperty("scene_of_" + std::to_string(count), static_cast<int>(kept.text.size()));
    EXPECT_EQ(kept.text.empty(), text->text.size() > kLongestMix) << count;
    EXPECT_EQ(kept.mix, kept.text.empty() ? nullptr : text);
    if (kept.text.empty()) continue;
    if (length == 0) length = kept.text.size();
    EXPECT_EQ(kept.text.size(), length) << count;
  }
  EXPECT_LT(length, 4'000U);
}

TEST(SceneText, MixesHaveTheSameNameWhereTheyAreTheSame) {
  MixTexts texts;
  const auto mix = std::make_shared<const decision::Mix>(kinds(3));
  const auto text = texts.of(mix);
  EXPECT_EQ(texts.of(mix), text) << "it is made once";
  const auto again = texts.of(std::make_shared<const decision::Mix>(*mix));
  EXPECT_EQ(again->name, text->name);
  EXPECT_EQ(again->text, text->text);
  EXPECT_NE(kept_mix(kinds(4))->name, text->name);
  EXPECT_EQ(kept_mix({}), nullptr);
}

TEST(SceneText, SaysWhatIsNone) {
  for (const char* bad : {"", "[]", "{}", R"({"policy":3})", "nothing"}) EXPECT_FALSE(read_scene(bad, "")) << bad;
  struct Change {
    const char *from, *to, *why;
  };
  constexpr Change kOfScene[] = {{R"("profiles":1)", R"("profiles":7)", "it has no such table"},
                                 {R"("profiles":1)", R"("profiles":-1)", "likewise"},
                                 {R"("type":2)", R"("type":4)", "there is no such type"},
                                 {R"("type":2)", R"("type":-1)", "likewise"},
                                 {R"("type":2)", R"("type":1.5)", "likewise"},
                                 {R"("mig":2,"owner")", R"("mig":3,"owner")", "there is no such use of MIG"},
                                 {R"("mig":2,"may)", R"("mig":3,"may)", "there is no such mode"},
                                 {R"("devices":2,)", R"("devices":0,)", "nothing is asked for"},
                                 {R"("devices":2,)", R"("devices":-2,)", "likewise"},
                                 {R"("devices":2,)", R"("devices":4294967295,)", "more than there are"},
                                 {R"("computeMilli":250)", R"("computeMilli":1001)", "more than a device has"},
                                 {R"("computeMilli":250)", R"("computeMilli":"250")", "it is no number"},
                                 {R"("replicas":4)", R"("replicas":0)", "it is not divided"},
                                 {R"("replicas":4,)", "", "one replica, of which three are left"},
                                 {R"("mostPrice":2500000)", R"("mostPrice":9223372036854775807)", "no sum holds it"},
                                 {R"("size":2)", R"("size":4294967295)", "it has no end"},
                                 {R"("asOf":1800000000000)", R"("asOf":-1)", "it is no time"}};
  const std::string text = scene_text(full()), mix = mix_text(full().mix);
  ASSERT_TRUE(read_scene(text, mix));
  for (const Change& one : kOfScene) {
    std::string changed = text;
    const auto at = changed.find(one.from);
    ASSERT_NE(at, std::string::npos) << one.from << " in " << text;
    changed.replace(at, std::string_view(one.from).size(), one.to);
    EXPECT_FALSE(read_scene(changed, mix)) << one.to << ": " << one.why;
  }
  for (const char* bad : {"nothing", "{}", "[1]", R"([{"need":{},"share":0}])", R"([{"need":{},"share":-1}])",
                          R"([{"need":{"devices":0},"share":1}])", R"([{"need":{},"share":2}])"})
    EXPECT_FALSE(read_scene(text, bad)) << bad;
}

}  // namespace
}  // namespace tessera::server
