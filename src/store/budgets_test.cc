#include "store/budgets.h"

#include <gmock/gmock.h>

#include <limits>

#include "fleet/cost/ledger.h"
#include "store/cost_ledger.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
namespace budgets_of = fleet::budgets;
using budgets_of::Basis;
using budgets_of::Crossing;
using budgets_of::ScopeKind;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

constexpr EpochMs kStart = 1'800'000'000'000, kBucket = fleet::kCostBucket.count();

struct Budgets : EachDatabase {
  static KeptBudget budget(const std::string& id, const std::string& name) {
    KeptBudget out;
    out.budget.id = id;
    out.budget.name = name;
    out.budget.scope = {ScopeKind::Team, "search"};
    out.budget.period = {budgets_of::PeriodKind::Custom, {kStart, kStart + 96 * kBucket}};
    out.budget.time_zone = "Asia/Kathmandu";
    out.budget.amount = std::numeric_limits<fleet::Micros>::max();
    out.budget.currency = "KRW";
    out.budget.thresholds = {{Basis::Actual, 80}, {Basis::Forecast, 100}};
    out.budget.enforcement = budgets_of::Enforcement::Refuse;
    out.budget.enforce_on = Basis::Forecast;
    out.created_by = "key:a ada";
    out.created = kStart;
    out.changed_by = "key:b bob";
    out.changed = kStart + 1;
    return out;
  }
  static Crossing crossing(const std::string& id, std::int64_t percent, EpochMs from = kStart) {
    return {id, {from, from + kBucket}, {Basis::Actual, percent}, from + 5, 100, 80};
  }
  static CostPosting posting(const std::string& team, const std::string& space, fleet::Micros micros,
                             fleet::CostKind kind = fleet::CostKind::Used) {
    CostPosting out;
    out.subject.device_id = "w1-GPU-00";
    if (fleet::is_allocated(kind) || kind == fleet::CostKind::Overhead) {
      out.owner.emplace();
      out.owner->team = team;
      out.owner->space = space;
    }
    out.kind = kind;
    out.amount = {micros, 1'000, 0};
    return out;
  }
};

TEST_P(Budgets, AreKeptByName) {
  EXPECT_THAT(*budgets(*database), IsEmpty());
  const KeptBudget second = budget("1", "second");
  KeptBudget first = budget("2", "first");
  first.budget.thresholds.clear();
  first.budget.scope = {};
  first.budget.period = {};
  for (const KeptBudget& one : {second, first}) ASSERT_TRUE(put_budget(*database, one));
  EXPECT_THAT(*budgets(*database), ElementsAre(first, second));
  first.budget.amount = 0;
  ASSERT_TRUE(put_budget(*database, first));
  EXPECT_THAT(*budgets(*database), ElementsAre(first, second));
  EXPECT_FALSE(put_budget(*database, budget("3", "second"))) << "a name is one budget's";
  ASSERT_TRUE(add_budget_crossings(*database, std::vector{crossing("1", 80)}));
  ASSERT_TRUE(keep_budgets_judged(*database, {{"1", kStart}, {"2", kStart}}));
  ASSERT_TRUE(keep_budgets_judged(*database, {{"1", kStart + kBucket}}));
  EXPECT_THAT(*budgets_judged(*database), ElementsAre(Pair("1", kStart + kBucket), Pair("2", kStart)));
  EXPECT_TRUE(*drop_budget(*database, "1"));
  EXPECT_FALSE(*drop_budget(*database, "1"));
  EXPECT_THAT(*budgets(*database), ElementsAre(first));
  EXPECT_THAT(*budget_crossings(*database), IsEmpty()) << "they go with it";
  EXPECT_THAT(*budgets_judged(*database), ElementsAre(Pair("2", kStart)));
}

TEST_P(Budgets, ACrossingIsThereOnce) {
  Crossing again = crossing("1", 80);
  again.at += 99;
  ASSERT_TRUE(add_budget_crossings(*database, std::vector{crossing("1", 80), crossing("1", 100), again}));
  EXPECT_THAT(*budget_crossings(*database), ElementsAre(crossing("1", 80), crossing("1", 100)));
  ASSERT_TRUE(add_budget_crossings(*database, std::vector{crossing("1", 80, kStart + kBucket)}));
  ASSERT_TRUE(drop_budget_crossing(*database, crossing("1", 100)));
  EXPECT_THAT(*budget_crossings(*database), ElementsAre(crossing("1", 80), crossing("1", 80, kStart + kBucket)));
  ASSERT_TRUE(drop_budget_crossings_before(*database, kStart + kBucket + 1));
  EXPECT_THAT(*budget_crossings(*database), ElementsAre(crossing("1", 80, kStart + kBucket)));
}

TEST_P(Budgets, ScopesHaveSpentWhatTheLedgerHas) {
  CostWriter writer(*database);
  ASSERT_TRUE(*writer.close(
      kStart,
      {posting("search", "ml", 5), posting("search", "web", 6, fleet::CostKind::HeldIdle),
       posting("chat", "ml", 7, fleet::CostKind::HeldUnknown), posting("search", "ops", 8, fleet::CostKind::Overhead),
       posting("", "", 9, fleet::CostKind::Unallocated)},
      kStart));
  ASSERT_TRUE(*writer.close(kStart + kBucket, {}, kStart));
  ASSERT_TRUE(*writer.close(kStart + 2 * kBucket, {posting("search", "ml", 1)}, kStart));
  const LedgerVersion before = *ledger_version(*database);
  EXPECT_EQ(before, (LedgerVersion{3, (kStart + 2 * kBucket) / 1'000, 0}));
  ASSERT_TRUE(writer.correct({kStart + 2 * kBucket, 0}, {posting("search", "ml", 3)}, kStart));
  EXPECT_EQ(*ledger_version(*database), (LedgerVersion{3, before.newest, 1}));
  EXPECT_THAT(*closed_buckets(*database, kStart + kBucket, kStart + 9 * kBucket),
              ElementsAre(Pair(kStart + kBucket, 0), Pair(kStart + 2 * kBucket, 1)));

  const auto spent = [&](ScopeKind kind, const std::string& name) {
    return *spent_by_bucket(*database, {kind, name}, kStart, kStart + 3 * kBucket);
  };
  EXPECT_THAT(spent(ScopeKind::Fleet, ""), ElementsAre(Pair(kStart, 35), Pair(kStart + 2 * kBucket, 3)));
  EXPECT_THAT(spent(ScopeKind::Team, "search"), ElementsAre(Pair(kStart, 11), Pair(kStart + 2 * kBucket, 3)));
  EXPECT_THAT(spent(ScopeKind::Namespace, "ml"), ElementsAre(Pair(kStart, 12), Pair(kStart + 2 * kBucket, 3)));
  EXPECT_THAT(spent(ScopeKind::Project, "any"), IsEmpty());
  EXPECT_THAT(*spent_by_bucket(*database, {}, kStart + kBucket, kStart + 2 * kBucket), IsEmpty());
}

TEST_P(Budgets, ASumBeyond64BitsIsAnError) {
  CostWriter writer(*database);
  constexpr auto kMost = std::numeric_limits<fleet::Micros>::max();
  ASSERT_TRUE(*writer.close(kStart, {posting("a", "x", kMost), posting("a", "y", 1)}, kStart));
  EXPECT_FALSE(spent_by_bucket(*database, {ScopeKind::Team, "a"}, kStart, kStart + kBucket));
  EXPECT_EQ(spent_by_bucket(*database, {ScopeKind::Namespace, "x"}, kStart, kStart + kBucket)->at(kStart), kMost);
}

INSTANTIATE_EACH_DATABASE(Budgets);

}  // namespace
}  // namespace tessera::store
