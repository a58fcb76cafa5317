#include "fleet/decision/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "fleet/decision/samples.h"

namespace tessera::fleet::decision {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

TEST(WhatIf, MoreDevicesServeWhoWaits) {
  Supply supply{0, {h100(0)}};
  supply.candidates[0].pieces = {piece(k7g, 0, 8, "ml/train")};
  const std::vector<Need> waiting = {{.memory_mib = 40'000}, {.memory_mib = 40'000}, {.memory_mib = 80'000}};
  const auto policy = *make_policy("default", {});
  EXPECT_THAT(serve(supply, waiting, *policy).needs, ElementsAre());
  const auto more = with_more(supply, 2, "H100", "c");
  ASSERT_TRUE(more) << more.error().what;
  EXPECT_EQ(more->supply.candidates.size(), 3U);
  EXPECT_TRUE(more->supply.candidates[1].is_empty());
  EXPECT_EQ(more->assumed, "") << "a driver of the fleet tells of such devices";
  ASSERT_EQ(more->nodes.size(), 1U);
  EXPECT_EQ(more->nodes[0].like, "w-00");
  EXPECT_THAT(serve(more->supply, waiting, *policy).needs, ElementsAre(0, 1, 2));
}

TEST(WhatIf, MoreDevicesMayBeCutThoughTheOneThatTheyAreLikeMayNot) {
  Supply supply{0, {h100(0)}};
  supply.candidates[0].may_cut = false;
  supply.candidates[0].uncut = "no layout container asks";
  const auto policy = *make_policy("default", {});
  const Need need{.memory_mib = 40'000, .mig = MigUse::Required};
  const auto more = with_more(supply, 1, "H100", "c");
  ASSERT_TRUE(more);
  EXPECT_EQ(more->assumed, "");
  EXPECT_THAT(serve(more->supply, {&need, 1}, *policy).needs, ElementsAre(0));

  // Where no server cuts, of a device the places alone are known at which something stands.
  Candidate& like = supply.candidates[0];
  like.uncut = "gpu.management.mig.enabled is false";
  like.pieces = {piece(k3g, 4, 4, "ml/a")};
  auto profiles = *like.profiles;
  for (gpu::Profile& one : profiles)
    std::erase_if(one.placements, [&](gpu::Placement at) { return one.id != k3g || at.start != 4; });
  like.profiles = std::make_shared<const std::vector<gpu::Profile>>(profiles);
  const auto as_cut = with_more(supply, 1, "H100", "c");
  ASSERT_TRUE(as_cut);
  EXPECT_THAT(as_cut->assumed, HasSubstr("cut as w-00-GPU-00 is"));
  EXPECT_THAT(as_cut->assumed, HasSubstr("gpu.management.mig.enabled is false"));
  const std::vector<Need> two = {need, need};
  EXPECT_THAT(serve(as_cut->supply, two, *policy).needs, ElementsAre(0)) << "it has one 3g";
}

TEST(WhatIf, ModelsThatTheFleetDoesNotHaveAreAssumedAsPublished) {
  const Supply supply{0, {h100(0)}};
  const auto policy = *make_policy("default", {});
  const auto more = with_more(supply, 9, "RTXPRO6000", "c");
  ASSERT_TRUE(more) << more.error().what;
  EXPECT_THAT(more->assumed, HasSubstr("assumed"));
  ASSERT_EQ(more->nodes.size(), 2U) << "eight to a node";
  EXPECT_EQ(more->nodes[1].name, "what-if-2");
  EXPECT_EQ(more->nodes[1].like, "");
  const Need large{.memory_mib = 90'000};
  EXPECT_THAT(serve(more->supply, {&large, 1}, *policy).needs, ElementsAre(0));
  const auto both = with_more(more->supply, 1, "T4", "c");
  ASSERT_TRUE(both);
  EXPECT_EQ(both->nodes[0].name, "what-if-3") << "nodes have one model";
  std::set<std::string> uuids;
  for (const Candidate& one : both->supply.candidates) uuids.insert(one.uuid);
  EXPECT_EQ(uuids.size(), both->supply.candidates.size());

  struct Row {
    const char* model;
    Code code;
    const char* what;
  };
  for (const Row& row : {Row{"B200", Code::NotFound, "H100_80GB"},
                         {"B200", Code::NotFound, "RTXPRO6000"},
                         {"A100", Code::Invalid, "A100_40GB or A100_80GB"}}) {
    const auto refused = with_more(supply, 1, row.model, "c");
    ASSERT_FALSE(refused) << row.model;
    EXPECT_EQ(refused.error().code, row.code) << row.model;
    EXPECT_THAT(refused.error().what, HasSubstr(row.what));
  }
}

TEST(WhatIf, WhoMayNotGoThereIsNotServedThere) {
  const Supply supply{0, {h100(0), h100(4)}};
  const auto policy = *make_policy("default", {});
  const std::vector<Need> waiting = {{}, {}};
  const auto only_on = [](const std::string& name) -> Scope {
    return [name](const std::string&, const std::string& node) {
      return node == name ? std::optional<std::string>("") : std::nullopt;
    };
  };
  const std::vector<Scope> scopes = {only_on("w-01"), only_on("w-01")};
  EXPECT_THAT(serve(supply, waiting, *policy, scopes).needs, ElementsAre(0));
}

TEST(WhatIf, DevicesCutOtherwiseGiveOnlyWhatStands) {
  Supply supply{0, {a100(0)}};
  supply.candidates[0].pieces = {piece(k1g, 0, 1, "ml/a"), piece(k3g, 4, 4)};
  const auto cut = cut_as(supply, "A100", "2g.20gb");
  ASSERT_TRUE(cut) << cut.error().what;
  const auto policy = *make_policy("default", {});
  const std::vector<Need> waiting = {{.memory_mib = 15'000}, {.memory_mib = 30'000}, {.memory_mib = 15'000}};
  EXPECT_THAT(serve(*cut, waiting, *policy).needs, ElementsAre(0, 2)) << "at 2 and at 4; the 3g is no more";
  EXPECT_FALSE(cut_as(supply, "A100", "2g.24gb"));
}

}  // namespace
}  // namespace tessera::fleet::decision
