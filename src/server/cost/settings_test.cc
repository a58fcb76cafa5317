#include "server/cost/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/settings.h"

namespace tessera::server {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

Result<Settings> read(const std::string& text) {
  return parse_settings(text, "s.yaml", [](std::string_view) -> std::optional<std::string> { return std::nullopt; });
}

TEST(CostSettings, AreWhatAFileSays) {
  const auto settings = read(R"(gpu.management.cost:
  currency: KRW
  default-rates: {H100_80GB: 11000, L40S: 2500.5}
  mig-share: larger
  shared-devices: used
  share-idle: even
  rates:
  - {model: H100_80GB, purchase: spot, per-hour: 4000}
  - {model: H100_80GB, pool: old, per-hour: 9000, from: 2026-01-01, to: 2026-07-01T00:00:00+09:00}
  - {model: L40S, per-hour: 2000}
  owners: [{field: team, namespace: "ml-*", value: vision}, {field: cost-centre, label: cc}]
  nodes: [{node: "spot-*", purchase: spot, pool: cheap}]
  labels: [app, example.com/stage]
  platform-namespaces: [kube-*]
  retention-days: 400d
  time-zone: Asia/Kathmandu
)");
  ASSERT_TRUE(settings) << settings.error().what;
  const CostSettings& cost = settings->cost;
  EXPECT_EQ(cost.currency, "KRW");
  EXPECT_EQ(cost.posting.share_by, fleet::ShareBy::LargerOfBoth);
  EXPECT_EQ(cost.posting.shared_by, fleet::SharedBy::Used);
  EXPECT_EQ(cost.share_idle, fleet::ShareIdle::Even);
  EXPECT_EQ(owner_rules(cost, {}, {}).keep, (std::vector<std::string>{"app", "example.com/stage"}));
  ASSERT_EQ(cost.rates.size(), 3U);
  EXPECT_EQ(cost.rates[0].purchase, fleet::Purchase::Spot);
  EXPECT_EQ(cost.rates[1].from, 1'767'225'600'000) << "midnight UTC";
  EXPECT_EQ(cost.rates[1].to, 1'782'831'600'000);
  EXPECT_EQ(cost.nodes.at(0).pool, "cheap");
  EXPECT_EQ(cost.retention_days, 400);
  EXPECT_EQ(wanted_rates(cost)->size(), 4U) << "a rate of L40S stands in for its default one";
  const auto rules = owner_rules(cost, {"squad"}, {{"ml-a", "speech"}});
  ASSERT_EQ(rules.rules.size(), 3U);
  EXPECT_EQ(rules.rules[2].text, "speech") << "what the teams say comes last";
  EXPECT_THAT(rules.overhead, ElementsAre("kube-*"));
}

TEST(CostSettings, TheRatesWithoutSettingsAreUsDollars) {
  EXPECT_EQ(wanted_rates(read("")->cost)->size(), 3U);
  const auto won = read("gpu.management.cost: {currency: KRW}");
  ASSERT_TRUE(won) << won.error().what;
  EXPECT_TRUE(won->cost.default_rates.empty()) << "an H100 costs no 8 won an hour";
  EXPECT_THAT(won->warnings, ElementsAre(testing::AllOf(HasSubstr("currency: KRW: no GPU has a price"),
                                                        HasSubstr("gpu.management.cost.default-rates"))));
  const auto said = read("gpu.management.cost: {currency: EUR, default-rates: {H100_80GB: 8}}");
  EXPECT_EQ(said->cost.default_rates.at("H100_80GB"), "8");
  EXPECT_TRUE(said->warnings.empty());
  const auto by_row = read("gpu.management.cost: {currency: EUR, rates: [{model: H100_80GB, per-hour: 7}]}");
  EXPECT_EQ(wanted_rates(by_row->cost)->size(), 1U) << "and what no row names has none";
  EXPECT_TRUE(by_row->warnings.empty());
}

TEST(CostSettings, RefuseLabelsThatNoLineHasRoomFor) {
  for (const auto& [labels, why] :
       {std::pair{"[app, \"\"]", "no name"}, {"[a, b, c, d, e, f, g, h, i, j, k]", "11 labels"}}) {
    const auto settings = read(std::string("gpu.management.cost.labels: ") + labels + "\n");
    ASSERT_FALSE(settings) << labels;
    EXPECT_THAT(settings.error().what, testing::AllOf(HasSubstr("gpu.management.cost.labels"), HasSubstr(why)));
  }
}

TEST(CostSettings, HaveRatesAndRulesWithoutAFile) {
  const CostSettings cost;
  ASSERT_EQ(wanted_rates(cost)->size(), 3U);
  EXPECT_EQ(*wanted_rates(cost), [] {
    auto out = fleet::default_rates();
    std::ranges::sort(out, {}, &fleet::Rate::model);
    return out;
  }());
  EXPECT_EQ(owner_rules(cost, {"squad"}, {}).rules, fleet::default_owner_rules({"squad"}).rules);
}

TEST(CostSettings, SayWhatIsWrong) {
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"currency: dollars", "currency"},
      {"default-rates: {H100_80GB: -8}", "-8"},
      {"default-rates: {H100_80GB: cheap}", "cheap"},
      {"rates: [{model: H100_80GB}]", "money for an hour of a GPU expected"},
      {"rates: [{model: H100_80GB, perhour: 3}]", "per-hour"},
      {"rates: [{model: A, per-hour: 3}, {model: A, per-hour: 4}]", "hold at the same time"},
      {"rates: [{model: A, per-hour: 3, to: 2026-01-01}]", "an end and no begin"},
      {"rates: [{model: A, per-hour: 3, from: yesterday}]", "a day (2026-11-01) or a time"},
      {"rates: [{model: A, per-hour: 3, purchase: stolen}]", "spot"},
      {"mig-share: all", "compute-slices"},
      {"share-idle: some", "weighted"},
      {"owners: [{field: team}]", "a label or a value expected"},
      {"owners: [{label: team}]", "field"},
      {"time-zone: Asia/Soul", "Asia/Soul"},
      {"retention-days: 0", "1 to 3660 whole days expected"},
  };
  for (const auto& [text, error] : kCases) {
    const auto settings = read(std::string("gpu.management.cost: {") + text + "}\n");
    ASSERT_FALSE(settings) << text;
    EXPECT_THAT(settings.error().what, HasSubstr(error)) << text;
  }
}

}  // namespace
}  // namespace tessera::server
