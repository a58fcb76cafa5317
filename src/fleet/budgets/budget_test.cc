#include "fleet/budgets/budget.h"

#include <gtest/gtest.h>

#include <limits>

#include "fleet/cost/ledger.h"

namespace tessera::fleet::budgets {
namespace {

constexpr EpochMs kQuarterHour = kCostBucket.count(), kHour = 4 * kQuarterHour, kDay = 24 * kHour;

Budget budget() {
  Budget out;
  out.id = "b1";
  out.name = "search in a month";
  out.scope = {ScopeKind::Team, "search"};
  out.amount = 1'000 * kUnit;
  out.currency = "USD";
  out.thresholds = {{Basis::Actual, 80}, {Basis::Actual, 100}, {Basis::Forecast, 100}};
  return out;
}

std::string written(const Budget& of, std::string_view time) {
  const auto found = period_at(of, *parse_time(time));
  EXPECT_TRUE(found) << found.error().what;
  if (!found || !*found) return "none";
  const Zone zone = *Zone::named(of.time_zone);
  return zone.format((*found)->from) + " " + zone.format((*found)->to);
}

TEST(Budget, IsCheckedMemberByMember) {
  EXPECT_TRUE(check(budget()));
  const auto why = [](auto change) {
    Budget one = budget();
    change(one);
    const auto checked = check(one);
    return checked ? std::string("fine") : checked.error().what;
  };
  EXPECT_EQ(why([](Budget& b) { b.name.clear(); }), "name: a text of up to 100 characters expected");
  EXPECT_EQ(why([](Budget& b) { b.name = "a\nb"; }), "name: a text of up to 100 characters expected");
  EXPECT_EQ(why([](Budget& b) { b.scope = {ScopeKind::Fleet, "a"}; }),
            "scope: the fleet has no name, and 'a' was given");
  EXPECT_EQ(why([](Budget& b) { b.scope.name.clear(); }),
            "scope: the name of a team expected, of up to 253 characters");
  EXPECT_EQ(why([](Budget& b) { b.amount = -1; }), "amount: -0.000001 is below 0");
  EXPECT_EQ(why([](Budget& b) { b.amount = 0; }), "fine");
  EXPECT_EQ(why([](Budget& b) { b.amount = std::numeric_limits<Micros>::max(); }), "fine");
  EXPECT_EQ(why([](Budget& b) { b.currency = "usd"; }),
            "currency 'usd': three capital letters expected, as USD or KRW");
  EXPECT_EQ(why([](Budget& b) { b.thresholds = {{Basis::Actual, 0}}; }),
            "thresholds: 0 percent, but 1 to 1000 expected");
  EXPECT_EQ(why([](Budget& b) { b.thresholds = {{Basis::Actual, 80}, {Basis::Actual, 80}}; }),
            "thresholds: one of them is there twice");
  EXPECT_EQ(why([](Budget& b) { b.thresholds = {{Basis::Actual, 80}, {Basis::Forecast, 80}}; }), "fine");
  EXPECT_NE(why([](Budget& b) { b.time_zone = "Asia/Seul"; }), "fine");
}

TEST(Budget, ACustomPeriodIsOfWholeBuckets) {
  Budget one = budget();
  one.period = {PeriodKind::Custom, {kDay, kDay + kQuarterHour}};
  EXPECT_TRUE(check(one));
  for (const CostWindow bad : {CostWindow{kDay, kDay}, CostWindow{kDay, kDay - kHour}, CostWindow{kDay, kDay + 1},
                               CostWindow{0, kLongestWindow.count() + kDay}}) {
    one.period.custom = bad;
    EXPECT_FALSE(check(one)) << bad.from << ' ' << bad.to;
  }
  one.period = {PeriodKind::Month, {kDay, 2 * kDay}};
  EXPECT_FALSE(check(one)) << "a month has no times of its own";
  one.period = {PeriodKind::Custom, {kDay, 2 * kDay}};
  EXPECT_FALSE(period_at(one, kDay - 1)->has_value());
  EXPECT_EQ(period_at(one, kDay)->value(), (CostWindow{kDay, 2 * kDay}));
  EXPECT_FALSE(period_at(one, 2 * kDay)->has_value());
}

TEST(Budget, PeriodsAreThoseOfTheZone) {
  static constexpr struct {
    PeriodKind kind;
    const char* zone;
    std::string_view time, want;
  } kCases[] = {
      {PeriodKind::Month, "UTC", "2026-11-30T23:59:59Z", "2026-11-01T00:00:00+00:00 2026-12-01T00:00:00+00:00"},
      {PeriodKind::Month, "Asia/Kathmandu", "2026-11-30T18:14:59Z",
       "2026-11-01T00:00:00+05:45 2026-12-01T00:00:00+05:45"},
      {PeriodKind::Month, "Asia/Kathmandu", "2026-11-30T18:15:00Z",
       "2026-12-01T00:00:00+05:45 2027-01-01T00:00:00+05:45"},
      {PeriodKind::Month, "America/New_York", "2026-03-20T00:00:00Z",
       "2026-03-01T00:00:00-05:00 2026-04-01T00:00:00-04:00"},
      {PeriodKind::Day, "America/New_York", "2026-11-01T12:00:00Z",
       "2026-11-01T00:00:00-04:00 2026-11-02T00:00:00-05:00"},
      {PeriodKind::Week, "Asia/Seoul", "2026-11-28T15:00:00Z", "2026-11-29T00:00:00+09:00 2026-12-06T00:00:00+09:00"},
      {PeriodKind::Quarter, "Asia/Kolkata", "2026-12-31T18:29:59Z",
       "2026-10-01T00:00:00+05:30 2027-01-01T00:00:00+05:30"}};
  for (const auto& c : kCases) {
    Budget one = budget();
    one.period.kind = c.kind;
    one.time_zone = c.zone;
    EXPECT_EQ(written(one, c.time), c.want) << c.zone << ' ' << c.time;
  }
}

TEST(Budget, EveryWordIsReadAsItIsWritten) {
  for (std::size_t i = 0; i < kScopeKinds; ++i)
    EXPECT_EQ(scope_kind_named(scope_kind_name(static_cast<ScopeKind>(i))), static_cast<ScopeKind>(i));
  for (std::size_t i = 0; i < kPeriodKinds; ++i)
    EXPECT_EQ(period_kind_named(period_kind_name(static_cast<PeriodKind>(i))), static_cast<PeriodKind>(i));
  for (std::size_t i = 0; i < kBases; ++i)
    EXPECT_EQ(basis_named(basis_name(static_cast<Basis>(i))), static_cast<Basis>(i));
  for (std::size_t i = 0; i < kEnforcements; ++i)
    EXPECT_EQ(enforcement_named(enforcement_name(static_cast<Enforcement>(i))), static_cast<Enforcement>(i));
  EXPECT_FALSE(scope_kind_named("pool"));
  EXPECT_EQ(scope_text({ScopeKind::Fleet, ""}), "fleet");
  EXPECT_EQ(scope_text({ScopeKind::Namespace, "ml"}), "namespace:ml");
}

}  // namespace
}  // namespace tessera::fleet::budgets
