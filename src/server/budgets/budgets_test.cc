#include "server/budgets/budgets.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <limits>
#include <random>

#include "server/alerts/alerts.h"
#include "server/budgets/told_budgets.h"

namespace tessera::server {
namespace {
using fleet::budgets::Basis;
using fleet::budgets::Enforcement;
using fleet::budgets::PeriodKind;
using fleet::budgets::ScopeKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<fleet::budgets::Threshold> kThresholds = {{Basis::Actual, 50}, {Basis::Actual, 100}};

struct BudgetsTest : ToldBudgets {
  /// `firing Search 50`, of all that alerts have told, the earliest first.
  std::vector<std::string> told() {
    std::vector<std::string> out;
    const auto events = alerts->history(0, 4 * kStart, "BudgetThresholdCrossed", 1'000);
    EXPECT_TRUE(events);
    for (const store::AlertEvent& one : *events)
      out.insert(out.begin(), fmt::format("{} {} {}", fleet::alerts::phase_name(one.phase),
                                          fleet::alerts::label_of(one.labels, "budget"),
                                          fleet::alerts::label_of(one.labels, "threshold")));
    return out;
  }
  void open_alerts() {
    alerts.reset();
    AlertOptions options;
    options.runs = false;
    options.budgets = [this] { return budgets->in_force(); };
    alerts = *Alerts::open(history.published, changes, [] { return true; }, std::move(options));
  }
  /// Looks, and a round of the alerts.
  void round(int bucket) {
    look(bucket);
    alerts->look();
  }

  std::unique_ptr<Alerts> alerts;
};

TEST_F(BudgetsTest, StandAsTheLedgerSays) {
  close(0, 4, {{"search", kUnit}, {"chat", 2 * kUnit}, {"", 5 * kUnit}});
  look(4);
  add(budget("all", {}, 64 * kUnit));
  add(budget("search", {ScopeKind::Team, "search"}, 8 * kUnit));
  add(budget("chat", {ScopeKind::Project, "chat-project"}, 8 * kUnit));
  add(budget("space", {ScopeKind::Namespace, "search-space"}, 8 * kUnit));
  add(budget("nobody's", {ScopeKind::Team, "nobody"}, 8 * kUnit));
  EXPECT_EQ(of("all").standing->spent, 32 * kUnit) << "what nobody had, too";
  EXPECT_EQ(of("search").standing->spent, 4 * kUnit);
  EXPECT_EQ(of("chat").standing->spent, 8 * kUnit);
  EXPECT_EQ(of("space").standing->spent, 4 * kUnit);
  EXPECT_EQ(of("nobody's").standing->spent, 0) << "closed, and it had nothing";
  EXPECT_EQ(of("search").standing->even, 8 * kUnit / 24);
  EXPECT_EQ(of("search").standing->closed_until, kStart + 4 * kBucket);
  close(4, 1, {{"search", kUnit}});
  correct(0, {{"search", 3 * kUnit}});
  look(5);
  EXPECT_EQ(of("search").standing->spent, 7 * kUnit);
  EXPECT_EQ(of("all").standing->spent, 28 * kUnit);
}

TEST_F(BudgetsTest, HaveNoStandingInventedWhereNothingIsClosed) {
  look(1);
  add(budget("all", {}, kUnit, kThresholds));
  EXPECT_FALSE(of("all").standing->spent);
  EXPECT_FALSE(of("all").standing->outlook);
  EXPECT_THAT(of("all").standing->no_outlook, HasSubstr("nothing of the period is closed"));
  EXPECT_THAT(crossed("all"), IsEmpty());
  close(0, 1, {});
  look(2);
  EXPECT_EQ(of("all").standing->spent, 0) << "an empty fleet costs nothing";
  EXPECT_THAT(of("all").standing->no_outlook, HasSubstr("too little history"));
}

TEST_F(BudgetsTest, TellOfAThresholdOnceAlsoBehindARestartAndACorrection) {
  close(0, 2, {{"search", kUnit}});
  look(2);
  open_alerts();
  add(budget("search", {ScopeKind::Team, "search"}, 10 * kUnit, kThresholds));
  round(2);
  EXPECT_THAT(told(), IsEmpty());
  close(2, 3, {{"search", kUnit}});
  round(5);
  EXPECT_THAT(crossed("search"), ElementsAre("50 actual"));
  EXPECT_THAT(told(), ElementsAre("firing search 50"));
  correct(0, {{"search", 0}});
  round(6);
  EXPECT_EQ(of("search").standing->spent, 4 * kUnit) << "below it again";
  open();
  open_alerts();
  alerts->look();
  round(7);
  correct(0, {{"search", kUnit}});
  round(8);
  EXPECT_THAT(told(), ElementsAre("firing search 50"));
  open(false);
  close(5, 5, {{"search", kUnit}});
  look(10);
  EXPECT_EQ(of("search").standing->spent, 10 * kUnit);
  EXPECT_THAT(crossed("search"), ElementsAre("50 actual")) << "who follows keeps nothing";
  open();
  round(11);
  EXPECT_THAT(told(), ElementsAre("firing search 50", "firing search 100"));
}

TEST_F(BudgetsTest, TellAnewWhereTheAmountIsAnotherOne) {
  close(0, 5, {{"search", kUnit}});
  look(5);
  open_alerts();
  fleet::budgets::Budget of_search = budget("search", {ScopeKind::Team, "search"}, 10 * kUnit, kThresholds);
  const std::string id = add(of_search);
  round(5);
  EXPECT_THAT(told(), ElementsAre("firing search 50"));
  of_search.thresholds.push_back({Basis::Actual, 90});
  std::ranges::sort(of_search.thresholds);
  ASSERT_EQ(budgets->replace(request("PUT"), id, of_search).status, 200);
  round(6);
  EXPECT_THAT(told(), ElementsAre("firing search 50")) << "the old one still counts";
  of_search.amount = 5 * kUnit;
  ASSERT_EQ(budgets->replace(request("PUT"), id, of_search).status, 200);
  round(7);
  EXPECT_THAT(crossed("search"), ElementsAre("50 actual", "90 actual", "100 actual"));
  round(8);
  EXPECT_THAT(told(), testing::IsSupersetOf({"resolved search 50", "firing search 90", "firing search 100"}));
  EXPECT_EQ(std::ranges::count(told(), "firing search 50"), 2);
  ASSERT_EQ(budgets->drop(request("DELETE"), id).status, 204);
  for (int bucket = 9; bucket < 13; ++bucket) round(bucket);
  EXPECT_EQ(std::ranges::count(told(), "resolved search 100"), 1) << "it ends with its budget";
}

TEST_F(BudgetsTest, TheLastBucketsOfAPeriodAreTold) {
  look(1);
  open_alerts();
  add(budget("search", {ScopeKind::Team, "search"}, 96 * kUnit, {{Basis::Actual, 100}}));
  close(0, 95, {{"search", kUnit}});
  round(96);
  EXPECT_THAT(told(), IsEmpty());
  // The day is over; its last bucket is closed when the next one has begun.
  close(95, 1, {{"search", kUnit}});
  round(98);
  EXPECT_THAT(told(), ElementsAre("firing search 100"));
  EXPECT_THAT(crossed("search"), IsEmpty()) << "what is shown is the new day";
  EXPECT_EQ(of("search").standing->period.from, kStart + kDay);
  EXPECT_FALSE(of("search").standing->spent);
  close(96, 6, {{"search", kUnit}});
  for (int bucket = 103; bucket < 107; ++bucket) round(bucket);
  EXPECT_THAT(told(), ElementsAre("firing search 100", "resolved search 100"));
  EXPECT_EQ(of("search").standing->spent, 6 * kUnit);
}

TEST_F(BudgetsTest, ARenamedBudgetsLastBucketsAreTold) {
  look(1);
  open_alerts();
  fleet::budgets::Budget of_search = budget("search", {ScopeKind::Team, "search"}, 96 * kUnit, {{Basis::Actual, 100}});
  const std::string id = add(of_search);
  close(0, 95, {{"search", kUnit}});
  round(97);
  of_search.name = "search in a day";
  of_search.enforcement = Enforcement::Warn;
  ASSERT_EQ(budgets->replace(request("PUT"), id, of_search).status, 200);
  close(95, 1, {{"search", kUnit}});
  round(98);
  EXPECT_THAT(told(), ElementsAre("firing search in a day 100"));
}

TEST_F(BudgetsTest, WhatWasBeforeABudgetHadItsAmountIsNotAsked) {
  look(1);
  open_alerts();
  fleet::budgets::Budget of_search = budget("search", {ScopeKind::Team, "search"}, 96 * kUnit, {{Basis::Actual, 100}});
  const std::string id = add(of_search);
  close(0, 95, {{"search", kUnit}});
  round(97);
  of_search.amount = 10 * kUnit;
  ASSERT_EQ(budgets->replace(request("PUT"), id, of_search).status, 200);
  close(95, 1, {{"search", kUnit}});
  round(98);
  open();
  round(99);
  EXPECT_THAT(told(), IsEmpty());
}

/// The ledger may be closed late: its database was away, or a rate had to be looked up.
TEST_F(BudgetsTest, TheLastBucketsOfALongPeriodAreToldHoweverLateTheyAreClosed) {
  const int quarter = -14 * 96, before = -106 * 96;  // 2027-01-01 and 2026-10-01
  look(quarter - 1);
  open_alerts();
  fleet::budgets::Budget of_search = budget("search", {ScopeKind::Team, "search"}, 100 * kUnit, {{Basis::Actual, 100}});
  of_search.period.kind = PeriodKind::Quarter;
  add(of_search);
  close(before, 1, {{"search", 90 * kUnit}});
  round(quarter);
  EXPECT_THAT(told(), IsEmpty());
  round(quarter + 5 * 4);
  close(quarter - 1, 1, {{"search", 10 * kUnit}});
  round(quarter + 5 * 4 + 1);
  EXPECT_THAT(told(), ElementsAre("firing search 100"));
}

TEST_F(BudgetsTest, PeriodsThatAreClosedWhileNobodyLooksAreTold) {
  look(1);
  open_alerts();
  add(budget("search", {ScopeKind::Team, "search"}, 96 * kUnit, {{Basis::Actual, 100}}));
  close(0, 8, {});
  round(8);
  // Four days later: the first day came to nothing, the next two to too much.
  close(8, 88, {});
  close(96, 2 * 96, {{"search", kUnit}});
  close(3 * 96, 96 + 8, {});
  open();
  open_alerts();
  round(4 * 96 + 9);
  EXPECT_THAT(told(), ElementsAre("firing search 100", "firing search 100"));
  EXPECT_THAT(crossed("search"), IsEmpty()) << "what is shown is the last day";
  close(4 * 96 + 8, 8, {});
  for (int bucket = 4 * 96 + 17; bucket < 4 * 96 + 21; ++bucket) round(bucket);
  EXPECT_EQ(std::ranges::count(told(), "resolved search 100"), 2);
  correct(5, {{"search", 200 * kUnit}});
  open();
  round(4 * 96 + 21);
  EXPECT_EQ(told().size(), 4U) << "and the first is done with";
}

TEST_F(BudgetsTest, ASumBeyond64BitsIsTroubleOfItsOwnBudgetAlone) {
  close(0, 1, {{"search", std::numeric_limits<fleet::Micros>::max()}, {"chat", kUnit}});
  look(1);
  add(budget("all", {}, kUnit, kThresholds));
  add(budget("chat", {ScopeKind::Team, "chat"}, kUnit, kThresholds));
  EXPECT_FALSE(of("all").standing);
  EXPECT_FALSE(of("all").trouble.empty());
  EXPECT_THAT(crossed("all"), IsEmpty());
  ASSERT_TRUE(of("chat").standing) << of("chat").trouble;
  EXPECT_EQ(of("chat").standing->spent, kUnit);
  EXPECT_THAT(crossed("chat"), ElementsAre("50 actual", "100 actual"));
}

/// Buckets that come, are corrected and are read bit by bit come to what the ledger has.
TEST_F(BudgetsTest, WhatIsKeptInMemoryIsWhatTheLedgerHas) {
  std::mt19937 random(7);
  const auto below = [&](int end) { return std::uniform_int_distribution(0, end - 1)(random); };
  look(0);
  add(budget("all", {}, kUnit));
  int closed = 0;
  for (int step = 0; step < 120; ++step) {
    const Spent spent = {{"search", below(1'000)}, {"chat", below(1'000)}, {"", below(1'000)}};
    if (closed == 0 || below(2) == 0)
      close(closed++, 1, spent);
    else
      correct(below(closed), spent);
    if (step == 40) add(budget("search", {ScopeKind::Team, "search"}, kUnit));
    if (step == 80) open();
    if (below(3) != 0) continue;
    look(closed);
    const fleet::CostWindow day{kStart, kStart + kDay};
    const auto rows = store::cost_rows(*history.database, {&day, 1});
    ASSERT_TRUE(rows);
    fleet::Micros all = 0, search = 0;
    for (const fleet::CostRow& one : rows->rows) {
      all += one.amount.micros;
      if (one.owner && one.owner->team == "search") search += one.amount.micros;
    }
    EXPECT_EQ(of("all").standing->spent, all) << step;
    if (step > 40) {
      EXPECT_EQ(of("search").standing->spent, search) << step;
    }
  }
}

TEST_F(BudgetsTest, ACustomPeriodStandsBeforeItsBeginAndBehindItsEnd) {
  close(0, 8, {{"search", kUnit}});
  look(8);
  auto before = budget("to come", {}, kUnit, kThresholds), over = budget("over", {}, kUnit, kThresholds);
  before.period = {PeriodKind::Custom, {kStart + kDay, kStart + 2 * kDay}};
  over.period = {PeriodKind::Custom, {kStart, kStart + 4 * kBucket}};
  over.enforcement = before.enforcement = Enforcement::Refuse;
  add(before);
  add(over);
  EXPECT_FALSE(of("to come").standing->spent);
  EXPECT_EQ(of("over").standing->spent, 4 * kUnit);
  EXPECT_EQ(of("over").standing->no_outlook, "the period is over");
  EXPECT_THAT(budgets->words({}, false, kStart + 8 * kBucket), IsEmpty()) << "neither is in force now";
}

TEST_F(BudgetsTest, HaveAWordOnlyForWhoPays) {
  close(0, 4, {{"search", kUnit}});
  look(4);
  auto search = budget("search", {ScopeKind::Team, "search"}, 4 * kUnit), all = budget("all", {}, 4 * kUnit),
       silent = budget("silent", {}, 1);
  search.enforcement = Enforcement::Refuse;
  all.enforcement = Enforcement::Warn;
  for (const auto& one : {search, all, silent}) add(one);
  const auto words = [&](const std::string& team, bool overhead = false) {
    fleet::CostOwner owner;
    owner.team = team;
    std::vector<std::string> out;
    for (const BudgetWord& one : budgets->words(owner, overhead, kStart + 4 * kBucket))
      out.push_back(one.kept.budget.name + (one.refuses() ? " refuses" : " warns"));
    return out;
  };
  EXPECT_THAT(words("search"), ElementsAre("search refuses", "all warns"));
  EXPECT_THAT(words("chat"), ElementsAre("all warns"));
  EXPECT_THAT(words("search", true), ElementsAre("all warns")) << "the platform's own";
  correct(0, {{"search", 0}});
  look(4);
  EXPECT_THAT(words("search"), IsEmpty());
}

}  // namespace
}  // namespace tessera::server
