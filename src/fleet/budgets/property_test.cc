// Over random ledgers: what budgets have spent is what the ledger has, and a threshold is told of once.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

#include "fleet/budgets/crossing.h"
#include "fleet/cost/ledger.h"

namespace tessera::fleet::budgets {
namespace {

constexpr EpochMs kBucket = kCostBucket.count();

struct Random {
  explicit Random(unsigned seed) : engine(seed) {}
  std::int64_t below(std::int64_t end) { return std::uniform_int_distribution<std::int64_t>(0, end - 1)(engine); }
  std::mt19937 engine;
};

Posting posting(std::int64_t owner, Micros micros) {
  return {{1, owner, owner == 0 ? CostKind::Unallocated : CostKind::Used, CostBasis::Held}, {micros, 1, 0}};
}

constexpr const char* kZones[] = {"UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"};

Budget any_budget(Random& random) {
  Budget out;
  out.id = "b";
  out.name = "any";
  out.period.kind = static_cast<PeriodKind>(random.below(2));  // a day or a week
  out.time_zone = kZones[random.below(std::size(kZones))];
  out.amount = random.below(20'000);
  out.currency = "USD";
  for (std::int64_t percent = 1 + random.below(40); percent <= 150; percent += 1 + random.below(60))
    out.thresholds.push_back({Basis::Actual, percent});
  return out;
}

SpentByBucket spent_in(const CostLedger& ledger, EpochMs from, EpochMs to, std::optional<std::int64_t> owner) {
  SpentByBucket out;
  for (EpochMs at = from; at < to; at += kBucket)
    if (ledger.is_closed(at)) out[at] = 0;
  for (const CostEntry& one : ledger.entries(from, to))
    if (!owner || one.posting.line.owner == *owner) out[one.bucket] += one.posting.amount.micros;
  return out;
}

TEST(BudgetProperties, WhatIsSpentIsWhatTheLedgerHas) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    Random random(seed);
    const Budget of = any_budget(random);
    const EpochMs now = 1'793'404'800'000 + random.below(400) * 86'400'000;
    const CostWindow period = **period_at(of, now);
    CostLedger ledger;
    const EpochMs from = cost_bucket_of(period.from - random.below(10 * kBucket)),
                  until = period.from + random.below(120) * kBucket;
    for (int step = 0; step < 300; ++step) {
      const EpochMs bucket = from + random.below((until - from) / kBucket + 2) * kBucket;
      std::vector<Posting> lines;
      for (std::int64_t owner = 0; owner < 3; ++owner) lines.push_back(posting(owner, random.below(1'000)));
      static_cast<void>(ledger.settle(bucket, lines));
    }
    const EpochMs closed = std::min(until, period.to);
    Wide all = 0;
    for (const std::optional<std::int64_t>& owner : {std::optional<std::int64_t>(), std::optional<std::int64_t>(0),
                                                     std::optional<std::int64_t>(1), std::optional<std::int64_t>(2)}) {
      const auto now_is = standing(of, period, spent_in(ledger, from, until + 2 * kBucket, owner), until);
      ASSERT_TRUE(now_is) << now_is.error().what;
      Wide want = 0;
      for (const CostEntry& one : ledger.entries(period.from, closed))
        if (!owner || one.posting.line.owner == *owner) want += one.posting.amount.micros;
      EXPECT_EQ(Wide{now_is->spent.value_or(0)}, want) << seed;
      Wide days = 0, covered = 0;
      for (const BurnPoint& point : now_is->burn_down) {
        days += point.spent.value_or(0);
        covered += point.day.to - point.day.from;
        if (point.spent) {
          EXPECT_EQ(Wide{*point.spent_by}, days);
        }
      }
      EXPECT_EQ(days, want) << seed;
      EXPECT_EQ(covered, Wide{period.to - period.from}) << "no gap between days";
      EXPECT_EQ(now_is->burn_down.back().even_by, of.amount);
      if (!owner)
        all = want;
      else
        all -= want;
    }
    EXPECT_EQ(all, Wide{0}) << "the owners' sums are the fleet's";
  }
}

using Key = std::tuple<EpochMs, std::int64_t, Micros>;  ///< period, percent, amount

/// Spending goes on, is corrected up and down; the server begins anew now and then and knows what was kept alone.
TEST(BudgetProperties, AThresholdIsToldOfOnce) {
  std::size_t seen = 0, fell = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Random random(1'000 + seed);
    Budget of = any_budget(random);
    const EpochMs begin = (**period_at(of, 1'793'404'800'000)).from;
    SpentByBucket spent;
    std::vector<Crossing> kept;
    std::set<Key> told, reached;
    EpochMs at = begin;
    for (int step = 0; step < 300; ++step) {
      spent[at] = random.below(300);
      if (random.below(3) == 0)  // corrections
        for (int i = 0; i < 8; ++i) spent[std::max(begin, at - random.below(20) * kBucket)] = random.below(2) * 300;
      if (random.below(100) == 0) {
        Budget changed = of;
        changed.amount += 1 + random.below(500);
        std::erase_if(kept, [&](const Crossing& one) { return !still_counts(one, of, changed); });
        of = changed;
      }
      at += kBucket;
      const CostWindow period = **period_at(of, at - kBucket);
      const auto now = standing(of, period, spent, at);
      ASSERT_TRUE(now) << now.error().what;
      for (const Threshold& one : of.thresholds) {
        const Key key{period.from, one.percent, of.amount};
        if (is_reached(one, of.amount, *now))
          reached.insert(key);
        else if (reached.contains(key))
          ++fell;
      }
      for (const Crossing& one : crossings(of, *now, kept, at)) {
        EXPECT_TRUE(told.insert({one.period.from, one.threshold.percent, one.amount}).second) << "told twice: " << seed;
        kept.push_back(one);
        ++seen;
      }
      EXPECT_TRUE(crossings(of, *now, kept, at).empty());
    }
    EXPECT_EQ(told, reached) << seed;
  }
  EXPECT_GT(seen, 150U) << "the streams do cross";
  EXPECT_GT(fell, 20U) << "and corrections bring some below again";
}

}  // namespace
}  // namespace tessera::fleet::budgets
