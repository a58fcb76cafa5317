#include "fleet/decision/what_if.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  const auto more = with_more(supply, 2, "H100");
  ASSERT_TRUE(more) << more.error().what;
  EXPECT_EQ(more->candidates.size(), 3U);
  EXPECT_TRUE(more->candidates[1].is_empty());
  EXPECT_THAT(serve(*more, waiting, *policy).needs, ElementsAre(0, 1, 2));
  EXPECT_THAT(with_more(supply, 1, "B200").error().what, HasSubstr("H100_80GB"));
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
