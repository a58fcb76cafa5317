#include "fleet/alerts/observe_test.h"

#include <set>

namespace tessera::fleet::alerts {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A fleet, and a threshold of a budget that was crossed there.
struct ObserveBudgets : testing::Test {
  std::vector<std::string> at(EpochMs now, std::optional<std::span<const BudgetCrossed>> known) {
    seen.tell(now, std::string(kPage));
    seen.told.fleet.advance(now);
    const auto view = seen.told.fleet.publish(now);
    std::vector<std::string> out;
    for (const Change& one : evaluator.take(
             seen.observer.look({*view, *seen.told.serving.publish(now), std::nullopt, std::nullopt, known})))
      if (one.track.rule == "BudgetThresholdCrossed")
        out.push_back(
            fmt::format("{} {}", phase_name(one.track.phase),
                        fill(evaluator.rule(one.track.rule)->summary, one.track.subject->labels, one.track.value)));
    return out;
  }
  static BudgetCrossed crossed(EpochMs found) {
    return {{"b1", {kStart, kStart + kHour}, {budgets::Basis::Actual, 80}, found, 100 * kUnit, 81 * kUnit / 2},
            "Search",
            {budgets::ScopeKind::Team, "search"}};
  }

  Seen seen;
  Evaluator evaluator{builtin_rules(), Milliseconds(75'000)};
};

TEST_F(ObserveBudgets, ACrossingFiresOnceAndEndsWhenItIsOver) {
  constexpr EpochMs kRound = 30 * kSecond;
  const std::vector<BudgetCrossed> known = {crossed(kStart)};
  EXPECT_THAT(at(kStart, known), ElementsAre("firing Budget Search (team:search) has reached 80 % of its amount "
                                             "(actual): 40.5."));
  EXPECT_THAT(at(kStart + kRound, known), IsEmpty());
  for (int round = 2; round < 9; ++round)
    EXPECT_THAT(at(kStart + round * kRound, std::nullopt), IsEmpty()) << "nobody knows, so nothing ends";
  EXPECT_THAT(at(kStart + 9 * kRound, known), IsEmpty()) << "and nothing begins anew";
  const std::vector<BudgetCrossed> anew = {crossed(kStart + kHour)};
  EXPECT_THAT(at(kStart + 10 * kRound, anew), ElementsAre(HasSubstr("firing"))) << "one that counts anew";
  std::vector<std::string> ended;
  for (int round = 11; round < 20; ++round)
    for (const std::string& one : at(kStart + round * kRound, std::span<const BudgetCrossed>())) ended.push_back(one);
  EXPECT_THAT(ended, ElementsAre(HasSubstr("resolved"), HasSubstr("resolved")));
}

/// Receivers know alerts by their labels.
TEST_F(ObserveBudgets, CrossingsThatStandSideBySideDifferInTheirLabels) {
  BudgetCrossed next_period = crossed(kStart), in_seoul = crossed(kStart);
  next_period.crossing.period = {kStart + kHour, kStart + 2 * kHour};
  in_seoul.crossing.budget = "b2";
  in_seoul.name = "Seoul";
  in_seoul.time_zone = "Asia/Seoul";
  const std::vector<BudgetCrossed> known = {crossed(kStart), crossed(kStart + kSecond), next_period, in_seoul};
  at(kStart, known);
  std::set<LabelSet> labels;
  std::set<std::string_view> periods;
  const std::vector<Track> tracks = evaluator.tracks();
  for (const Track& one : tracks) {
    if (one.rule != "BudgetThresholdCrossed") continue;
    labels.insert(one.subject->labels);
    periods.insert(label_of(one.subject->labels, "period"));
    EXPECT_TRUE(std::ranges::is_sorted(one.subject->labels));
  }
  EXPECT_EQ(labels.size(), 4U);
  EXPECT_THAT(periods,
              ElementsAre("2023-11-14T22:13:20+00:00", "2023-11-14T23:13:20+00:00", "2023-11-15T07:13:20+09:00"));
}

}  // namespace
}  // namespace tessera::fleet::alerts
