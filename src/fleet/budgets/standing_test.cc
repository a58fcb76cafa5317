#include "fleet/budgets/standing.h"

#include <gtest/gtest.h>

#include <limits>

#include "fleet/budgets/crossing.h"
#include "fleet/cost/ledger.h"

namespace tessera::fleet::budgets {
namespace {

constexpr EpochMs kBucket = kCostBucket.count(), kHour = 4 * kBucket, kDay = 24 * kHour;
constexpr Micros kMost = std::numeric_limits<Micros>::max();

Budget budget(Micros amount, const std::string& zone = "UTC") {
  Budget out;
  out.id = "b1";
  out.name = "all in a month";
  out.time_zone = zone;
  out.amount = amount;
  out.currency = "USD";
  out.thresholds = {{Basis::Actual, 50}, {Basis::Actual, 100}, {Basis::Forecast, 100}};
  return out;
}
CostWindow period_of(const Budget& of, std::string_view time) { return **period_at(of, *parse_time(time)); }

/// The same in each bucket of [from, to).
SpentByBucket steadily(EpochMs from, EpochMs to, Micros each) {
  SpentByBucket out;
  for (EpochMs at = from; at < to; at += kBucket) out[at] = each;
  return out;
}
Standing standing_of(const Budget& of, const CostWindow& period, const SpentByBucket& spent,
                     std::optional<EpochMs> closed_until) {
  auto out = standing(of, period, spent, closed_until);
  EXPECT_TRUE(out) << out.error().what;
  return *std::move(out);
}

TEST(Standing, SaysWhatWasSpentBesideAnEvenPaceDayByDay) {
  const Budget of = budget(3'000 * kUnit);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  const EpochMs until = november.from + 2 * kDay + kDay / 2;
  const auto spent = steadily(november.from, until, kUnit);
  const Standing now = standing_of(of, november, spent, until);
  EXPECT_EQ(now.spent, 240 * kUnit);
  EXPECT_EQ(now.even, 250 * kUnit);
  EXPECT_EQ(remaining(of, now), 2'760 * kUnit);
  EXPECT_EQ(now.unknown, Milliseconds(0));
  ASSERT_EQ(now.burn_down.size(), 30U);
  EXPECT_EQ(now.burn_down[0],
            (BurnPoint{{november.from, november.from + kDay}, 96 * kUnit, 96 * kUnit, 100 * kUnit, true}));
  EXPECT_EQ(now.burn_down[2].spent, 48 * kUnit);
  EXPECT_EQ(now.burn_down[2].spent_by, 240 * kUnit);
  EXPECT_FALSE(now.burn_down[2].closed);
  EXPECT_FALSE(now.burn_down[3].spent) << "nobody knows the future";
  EXPECT_EQ(now.burn_down[29].even_by, of.amount);
}

TEST(Standing, HasTheDaysOfItsZone) {
  // Clocks go forward on the 8th: that day has 23 hours.
  const Budget york = budget(743 * kUnit, "America/New_York");
  const CostWindow march = period_of(york, "2026-03-20T00:00:00Z");
  ASSERT_EQ(march.to - march.from, 743 * kHour);
  const Standing all = standing_of(york, march, steadily(march.from, march.to, kUnit / 4), march.to);
  ASSERT_EQ(all.burn_down.size(), 31U);
  EXPECT_EQ(all.burn_down[7].spent, 23 * kUnit);
  EXPECT_EQ(all.burn_down[7].even_by, (7 * 24 + 23) * kUnit);
  EXPECT_EQ(all.spent, york.amount);
  EXPECT_EQ(all.no_outlook, "the period is over");

  const Budget nepal = budget(720 * kUnit, "Asia/Kathmandu");
  const CostWindow november = period_of(nepal, "2026-11-15T00:00:00Z");
  EXPECT_EQ(november.from % kDay, 18 * kHour + kBucket);
  const Standing some = standing_of(nepal, november, steadily(november.from - kDay, november.from + kDay, kUnit / 4),
                                    november.from + kDay);
  EXPECT_EQ(some.spent, 24 * kUnit) << "what was before is another month's";
  EXPECT_EQ(some.burn_down.size(), 30U);
}

TEST(Standing, IsAbsentWhereNothingIsClosed) {
  const Budget of = budget(kUnit);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  for (const auto& [spent, until] :
       {std::pair(SpentByBucket{}, std::optional<EpochMs>()),
        std::pair(SpentByBucket{}, std::optional(november.from + kDay)),
        std::pair(steadily(november.from - kDay, november.from, kUnit), std::optional(november.from))}) {
    const Standing none = standing_of(of, november, spent, until);
    EXPECT_FALSE(none.spent);
    EXPECT_FALSE(none.closed_until);
    EXPECT_FALSE(remaining(of, none));
    EXPECT_EQ(none.no_outlook, "nothing of the period is closed yet");
    EXPECT_TRUE(crossings(of, none, {}, november.from).empty());
    EXPECT_FALSE(is_overspent(of, none));
  }
}

TEST(Standing, SaysHowMuchIsNotKnown) {
  const Budget of = budget(kUnit);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  // The ledger begins in the middle of the month.
  const Standing late =
      standing_of(of, november, steadily(november.from + kDay, november.from + 2 * kDay, 1), november.from + 2 * kDay);
  EXPECT_EQ(late.unknown, Milliseconds(kDay));
  EXPECT_FALSE(late.burn_down[0].spent);
  EXPECT_EQ(late.burn_down[1].spent, 96);
}

TEST(Standing, ForecastsFromEnoughHistoryAndSaysSoWhereThereIsTooLittle) {
  const Budget of = budget(720 * kUnit);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  const EpochMs until = november.from + 10 * kDay;
  const Standing steady = standing_of(of, november, steadily(november.from - 20 * kDay, until, kUnit / 4), until);
  ASSERT_TRUE(steady.outlook) << steady.no_outlook;
  EXPECT_NEAR(static_cast<double>(steady.outlook->value), 720.0 * kUnit, kUnit);
  EXPECT_LE(steady.outlook->low, steady.outlook->value);
  EXPECT_GE(steady.outlook->high, steady.outlook->value);
  EXPECT_EQ(steady.outlook->hours, 720U);
  EXPECT_EQ(steady.outlook->ahead, 480U);
  EXPECT_FALSE(steady.outlook->methods.empty());
  EXPECT_TRUE(steady.no_outlook.empty());

  const Standing young =
      standing_of(of, november, steadily(november.from, november.from + 3 * kDay, kUnit), november.from + 3 * kDay);
  EXPECT_FALSE(young.outlook);
  EXPECT_EQ(young.no_outlook,
            "forecast: too little history: 72 values, 96 needed (72 to learn from, 24 to be judged on)");
}

TEST(Standing, NeverForecastsLessThanWasSpent) {
  const Budget of = budget(720 * kUnit);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  // A quarter of an hour before the end an hour is left to forecast, of which most is known.
  const EpochMs until = november.to - kBucket;
  auto spent = steadily(november.from, until, 0);
  spent[until - kBucket] = 900 * kUnit;
  const Standing now = standing_of(of, november, spent, until);
  ASSERT_TRUE(now.outlook) << now.no_outlook;
  EXPECT_GE(now.outlook->low, 900 * kUnit);
  EXPECT_EQ(now.outlook->ahead, 1U);
}

TEST(Standing, RefusesSumsBeyond64Bits) {
  const Budget of = budget(kMost);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  const EpochMs until = november.from + 2 * kBucket;
  EXPECT_FALSE(standing(of, november, {{november.from, kMost}, {november.from + kBucket, 1}}, until));
  // On two days: each has a sum, both together have none.
  EXPECT_FALSE(standing(of, november, {{november.from, kMost}, {november.from + kDay, 1}}, november.from + 2 * kDay));
  const Standing full = standing_of(of, november, {{november.from, kMost}, {november.from + kBucket, 0}}, until);
  EXPECT_EQ(full.spent, kMost);
  EXPECT_EQ(remaining(of, full), 0);
  EXPECT_EQ(full.burn_down.back().even_by, kMost);
  EXPECT_EQ(even_pace(kMost, november, november.from + (november.to - november.from) / 2), kMost / 2);
  EXPECT_EQ(crossings(of, full, {}, until).size(), 2U) << "percent of it are no overflow";
  // A forecast that has no place in 64 bits is none, and the rest of the standing is there.
  const Standing large = standing_of(of, november, steadily(november.from, november.from + 5 * kDay, kMost / 1'000),
                                     november.from + 5 * kDay);
  EXPECT_TRUE(large.spent);
  EXPECT_FALSE(large.outlook);
  EXPECT_NE(large.no_outlook.find("beyond 64 bits"), std::string::npos) << large.no_outlook;
}

TEST(Standing, OfABudgetOfNothing) {
  const Budget none = budget(0);
  const CostWindow november = period_of(none, "2026-11-15T00:00:00Z");
  const EpochMs until = november.from + kHour;
  const Standing idle = standing_of(none, november, steadily(november.from, until, 0), until);
  EXPECT_EQ(idle.spent, 0);
  EXPECT_TRUE(crossings(none, idle, {}, until).empty()) << "nothing of nothing was spent";
  EXPECT_TRUE(is_overspent(none, idle)) << "and nothing may be";
  const Standing spends = standing_of(none, november, steadily(november.from, until, 1), until);
  EXPECT_EQ(crossings(none, spends, {}, until).size(), 2U);
}

TEST(Standing, IsOverspentByWhatItIsEnforcedOn) {
  Budget of = budget(500 * kUnit);
  const CostWindow november = period_of(of, "2026-11-15T00:00:00Z");
  const EpochMs until = november.from + 10 * kDay;
  const auto spent = steadily(november.from - 20 * kDay, until, kUnit / 4);
  const Standing now = standing_of(of, november, spent, until);
  EXPECT_EQ(now.spent, 240 * kUnit);
  EXPECT_FALSE(is_overspent(of, now));
  of.enforce_on = Basis::Forecast;
  EXPECT_TRUE(is_overspent(of, now)) << "720 are expected";
  of.amount = 240 * kUnit;
  of.enforce_on = Basis::Actual;
  EXPECT_TRUE(is_overspent(of, now));
}

TEST(Crossing, CountsAnewWhereItsBudgetIsAnotherOne) {
  const Budget before = budget(100 * kUnit);
  const Crossing told{"b1", {0, kDay}, {Basis::Actual, 50}, kHour, before.amount, 60 * kUnit};
  const auto counts = [&](auto change) {
    Budget after = before;
    change(after);
    return still_counts(told, before, after);
  };
  EXPECT_TRUE(counts([](Budget& b) { b.name = "another"; }));
  EXPECT_TRUE(counts([](Budget& b) { b.enforcement = Enforcement::Refuse; }));
  EXPECT_TRUE(counts([](Budget& b) { b.thresholds.push_back({Basis::Forecast, 120}); }));
  EXPECT_FALSE(counts([](Budget& b) { b.amount += 1; }));
  EXPECT_FALSE(counts([](Budget& b) { b.thresholds.erase(b.thresholds.begin()); }));
  EXPECT_FALSE(counts([](Budget& b) { b.scope = {ScopeKind::Team, "a"}; }));
  EXPECT_FALSE(counts([](Budget& b) { b.period.kind = PeriodKind::Week; }));
  EXPECT_FALSE(counts([](Budget& b) { b.time_zone = "Asia/Seoul"; }));
  EXPECT_TRUE(is_in_force(told, kDay + kHour - 1));
  EXPECT_FALSE(is_in_force(told, kDay + kHour));
  EXPECT_FALSE(is_done(told.period, kDay + kHour - 1));
  EXPECT_TRUE(is_done(told.period, kDay + kHour));
  Crossing late = told;
  late.at = 3 * kDay;
  EXPECT_TRUE(is_in_force(late, 3 * kDay + kHour - 1)) << "found when its period had long been over";
  EXPECT_FALSE(is_in_force(late, 3 * kDay + kHour));
}

}  // namespace
}  // namespace tessera::fleet::budgets
