#include "server/cost/ledger_closer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "fleet/cluster/cluster_state.h"
#include "fleet/cost/ledger.h"
#include "server/cost/told_history.h"
#include "store/cost_rates.h"
#include "store/usage.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr EpochMs kStart = ToldHistory::kStart, kMinute = ToldHistory::kMinute, kBucket = fleet::kCostBucket.count();
constexpr fleet::Micros kPerBucket = (8 + 6) * fleet::kUnit / 4;  // an H100 and an A100

struct LedgerCloserTest : testing::Test {
  static LedgerOptions options() {
    LedgerOptions out;
    out.owners = owner_rules(out.settings, {"team"}, {});
    out.look_every = 0ms;
    out.settled_for = 0ms;
    out.spend = 1h;
    return out;
  }
  std::unique_ptr<LedgerCloser> closer(LedgerOptions with = options()) {
    return std::make_unique<LedgerCloser>(
        history.open(), history.published, [this] { return started; }, std::move(with));
  }
  static void complete(fleet::ClusterState& state) {
    for (std::size_t list = 0; list < fleet::kClusterLists; ++list)
      state.complete(static_cast<fleet::ClusterList>(list), 0);
  }
  void hours(double count, double busy = 0.5) {
    const EpochMs to = kStart + static_cast<EpochMs>(count * 60) * kMinute;
    history.scrape("w1", kStart, to, [&](EpochMs) { return two_boards(busy, "train-0"); });
    history.keep(to);
  }
  store::CostRows rows(EpochMs from = kStart, EpochMs to = kStart + 400 * kBucket) {
    const fleet::CostWindow window{from, to};
    auto out = store::cost_rows(*history.database, {&window, 1});
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    return out ? *std::move(out) : store::CostRows();
  }
  fleet::Micros sum(EpochMs from = kStart, EpochMs to = kStart + 400 * kBucket) {
    fleet::Micros out = 0;
    for (const auto& one : rows(from, to).rows) out += one.amount.micros;
    return out;
  }
  fleet::Micros sum_of(fleet::CostKind kind) {
    fleet::Micros out = 0;
    for (const auto& one : rows().rows) out += one.kind == kind ? one.amount.micros : 0;
    return out;
  }
  std::int64_t count(const std::string& what) {
    std::int64_t out = 0;
    EXPECT_TRUE(history.database->each("SELECT COUNT(*) FROM " + what, {},
                                       [&](const store::Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  }

  ToldHistory history;
  bool started = true;
};

TEST_F(LedgerCloserTest, ClosesWhatIsOverAndNothingElse) {
  hours(1);
  const auto one = closer();
  ASSERT_TRUE(one->look());
  EXPECT_EQ(one->stats().closed, 3U) << "the fourth ended just now, and samples may come";
  EXPECT_EQ(one->stats().closed_until, kStart + 3 * kBucket);
  EXPECT_EQ(sum(), 3 * kPerBucket);
  ASSERT_TRUE(one->look());
  EXPECT_EQ(sum(), 3 * kPerBucket) << "a second look closes nothing again";
  history.publish(kStart + 4 * kBucket + 10 * kMinute);
  ASSERT_TRUE(one->look());
  EXPECT_EQ(sum(), 4 * kPerBucket);
  const double used = 4 * (2'000'000 * 0.5 + 1'500'000 * 2 / 7 * 0.25);
  EXPECT_NEAR(static_cast<double>(sum_of(fleet::CostKind::Used)), used, 0.01 * used)
      << "half of the H100, a quarter of two slices of seven of the A100";
}

TEST_F(LedgerCloserTest, WaitsForWhatIsReadAgainAfterAStart) {
  hours(1);
  started = false;
  const auto one = closer();
  ASSERT_TRUE(one->look());
  EXPECT_EQ(count("cost_bucket"), 0);
}

TEST_F(LedgerCloserTest, WaitsForTheListsOfAClusterThatIsWatched) {
  fleet::ClusterState state("default", {"team"});
  history.cluster = state.view();
  hours(1);
  const auto one = closer();
  ASSERT_TRUE(one->look());
  EXPECT_EQ(count("cost_bucket"), 0);
  complete(state);
  history.cluster = state.view();
  history.publish(kStart + 60 * kMinute);
  ASSERT_TRUE(one->look());
  EXPECT_EQ(count("cost_bucket"), 3);
}

TEST_F(LedgerCloserTest, ANodeThatHasGoneStaysWhatItWasForTheNextLeaderToo) {
  fleet::ClusterState state("default", {"team"});
  fleet::ClusterNode node;
  node.name = "w1";
  node.labels = {{"karpenter.sh/capacity-type", "spot"}, {"tessera.dev/pool", "batch"}};
  state.put(node);
  complete(state);
  history.cluster = state.view();
  auto with = options();
  fleet::Rate spot;
  spot.purchase = fleet::Purchase::Spot;
  spot.per_hour = fleet::kUnit;
  with.settings.rates = {spot};
  hours(1);
  ASSERT_TRUE(closer(with)->look());
  constexpr fleet::Micros kBoth = 2 * fleet::kUnit / 4;
  EXPECT_EQ(sum(), 3 * kBoth);
  state.drop_node("w1", kStart + 60 * kMinute);
  history.cluster = state.view();
  history.publish(kStart + 4 * kBucket + 10 * kMinute);
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(sum(), 4 * kBoth);
  for (const auto& one : rows().rows) EXPECT_EQ(one.subject->pool, "batch");
  node.labels.clear();  // it comes back, and is not spot any longer
  state.put(node);
  history.cluster = state.view();
  const EpochMs old = kStart;
  ASSERT_TRUE(store::note_late(*history.database, {&old, 1}));
  history.publish(kStart + 5 * kBucket + 10 * kMinute);
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(sum(), 5 * kBoth) << "what it was stands";
  history.publish(kStart + 6 * kBucket + 10 * kMinute);
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(sum(kStart + 5 * kBucket, kStart + 6 * kBucket), kPerBucket);
}

TEST_F(LedgerCloserTest, GoesOnWhereAnotherHasStopped) {
  hours(2);
  auto first = closer();
  ASSERT_TRUE(first->look());
  first.reset();
  history.scrape("w1", kStart + 120 * kMinute, kStart + 180 * kMinute, [](EpochMs) { return two_boards(0.5, "b"); });
  history.keep(kStart + 180 * kMinute);
  auto second = closer();
  EXPECT_FALSE(second->stats().closed_until);
  ASSERT_TRUE(second->look());
  EXPECT_EQ(second->stats().closed, 4U);
  EXPECT_EQ(sum(), 11 * kPerBucket);
}

TEST_F(LedgerCloserTest, ABacklogIsClosedBitByBit) {
  hours(5);
  auto with = options();
  with.spend = 0ms;
  const auto hurried = closer(with);
  ASSERT_TRUE(hurried->look());
  EXPECT_EQ(count("cost_bucket"), 0);
  ASSERT_TRUE(closer()->look());
  EXPECT_EQ(count("cost_bucket"), 19);
}

/// At whatever statement the process dies: what is there is whole buckets, and the next one goes on.
TEST_F(LedgerCloserTest, KilledWhileClosingItLeavesWholeBuckets) {
  hours(2);
  for (int statement = 1; count("cost_bucket") < 7; ++statement) {
    auto database = history.open();
    int left = statement;
    database->guard([&left](store::Database&) -> Result<void> {
      if (--left > 0) return {};
      return fail(Code::Unavailable, "killed");
    });
    LedgerCloser dying(std::move(database), history.published, [] { return true; }, options());
    EXPECT_FALSE(dying.look() && count("cost_bucket") < 7);
    ASSERT_EQ(sum(), count("cost_bucket") * kPerBucket) << "killed at " << statement;
    ASSERT_LT(statement, 50);
  }
  EXPECT_EQ(sum(), 7 * kPerBucket);
}

TEST_F(LedgerCloserTest, WhoLostTheLeaseClosesNothingAndSaysSo) {
  hours(1);
  auto database = history.open();
  database->guard([](store::Database&) -> Result<void> { return fail(Code::Denied, "another server leads"); });
  LedgerCloser old(std::move(database), history.published, [] { return true; }, options());
  EXPECT_EQ(old.look().error().code, Code::Denied);
  EXPECT_EQ(old.stats().failures, 1U);
  EXPECT_EQ(count("cost_bucket") + count("cost_entry") + count("cost_rate"), 0);
  ASSERT_TRUE(closer()->look());
  EXPECT_EQ(sum(), 3 * kPerBucket);
}

TEST_F(LedgerCloserTest, LateSamplesAreCorrectedOnceTheyHaveCome) {
  history.scrape("w1", kStart, kStart + 5 * kMinute, [](EpochMs) { return two_boards(0.5, "train-0"); });
  history.keep(kStart + 6 * kMinute);
  history.publish(kStart + 3 * 60 * kMinute);
  const auto one = closer();
  ASSERT_TRUE(one->look());
  const auto before = sum_of(fleet::CostKind::Unobserved);
  EXPECT_GT(before, 0);
  const auto closed = count("cost_entry");
  history.scrape("w1", kStart + 5 * kMinute, kStart + 60 * kMinute, [](EpochMs) { return two_boards(0.5, "train-0"); });
  history.keep(kStart + 3 * 60 * kMinute + kMinute);
  ASSERT_TRUE(one->look());
  EXPECT_GT(one->stats().corrected, 2U);
  EXPECT_LT(sum_of(fleet::CostKind::Unobserved), before);
  EXPECT_EQ(sum(kStart, kStart + kBucket), kPerBucket)
      << "what was unobserved is somebody's now; together it is as much";
  EXPECT_GT(count("cost_entry WHERE revision > 0"), 0);
  EXPECT_EQ(count("cost_entry WHERE revision = 0"), closed) << "what was closed stands as it was";
  EXPECT_EQ(count("cost_late l JOIN cost_bucket b ON b.bucket = l.bucket"), 0);
  EXPECT_EQ(count("cost_correction WHERE why = 'late samples'"), static_cast<std::int64_t>(one->stats().corrected));
}

TEST_F(LedgerCloserTest, WhatStillComesInIsNotCorrectedYet) {
  hours(1);
  auto with = options();
  with.settled_for = 1h;
  const auto one = closer(with);
  ASSERT_TRUE(one->look());
  ASSERT_TRUE(one->look());
  EXPECT_EQ(one->stats().late, 3U) << "all of it was written at once, when it was over";
  EXPECT_EQ(count("cost_correction"), 0);
  EXPECT_EQ(count("cost_late l JOIN cost_bucket b ON b.bucket = l.bucket"), 3);
}

TEST_F(LedgerCloserTest, OtherRatesHoldFromNowOnAndThoseWithADateForThePastToo) {
  hours(2);
  ASSERT_TRUE(closer()->look());
  EXPECT_EQ(sum(), 7 * kPerBucket);
  auto with = options();
  with.settings.default_rates["H100_80GB"] = "16";
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(sum(), 7 * kPerBucket) << "what is closed stands";
  fleet::Rate dated;
  dated.model = "H100_80GB";
  dated.per_hour = 4 * fleet::kUnit;
  dated.from = kStart + kBucket + kBucket / 3;  // within a bucket
  dated.to = kStart + 3 * kBucket;
  with.settings.rates = {dated};
  ASSERT_TRUE(closer(with)->look());
  EXPECT_NEAR(static_cast<double>(sum()), 7.0 * kPerBucket - 4e6 * 25 / 60, 1) << "four an hour less, for 25 minutes";
  EXPECT_EQ(count("cost_correction WHERE why = 'rates changed'"), 2);
}

TEST_F(LedgerCloserTest, WhatTheUsageIsNotKeptOfIsNeitherClosedNorCorrected) {
  hours(2);
  auto with = options();
  with.usage_kept = 1h + 30min;  // and an hour's margin
  const auto one = closer(with);
  ASSERT_TRUE(one->look());
  EXPECT_EQ(count("cost_bucket"), 1) << "the half hour before now, less what is not over";
  ASSERT_TRUE(closer()->look());
  const EpochMs old = kStart;
  ASSERT_TRUE(store::note_late(*history.database, {&old, 1}));
  const auto corrections = count("cost_correction");
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(count("cost_late WHERE bucket = " + std::to_string(kStart / 1'000)), 0) << "it will never be";
  EXPECT_EQ(count("cost_correction"), corrections);
}

TEST_F(LedgerCloserTest, AShortBackfillLeavesCorrectionsAsFarBackAsUsageIsKept) {
  hours(2);
  auto with = options();
  with.settings.backfill_days = 1;
  ASSERT_TRUE(closer(with)->look());
  history.publish(kStart + 26 * 60 * kMinute);
  fleet::Rate dated;
  dated.model = "H100_80GB";
  dated.per_hour = 4 * fleet::kUnit;
  dated.from = kStart;
  dated.to = kStart + 2 * kBucket;
  with.settings.rates = {dated};
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(count("cost_correction WHERE why = 'rates changed'"), 2);
}

TEST_F(LedgerCloserTest, WhatHasBeenDroppedIsNotClosedAgain) {
  hours(2);
  auto with = options();
  with.settings.retention_days = 1;
  ASSERT_TRUE(closer(with)->look());
  history.publish(kStart + 24 * 60 * kMinute + 6 * kBucket);
  ASSERT_TRUE(closer(with)->look());
  const auto again = closer(with);
  ASSERT_TRUE(again->look());
  EXPECT_EQ(again->stats().closed, 0U);
}

TEST_F(LedgerCloserTest, OldBucketsAreDropped) {
  hours(2);
  auto with = options();
  with.settings.retention_days = 1;
  ASSERT_TRUE(closer(with)->look());
  EXPECT_EQ(count("cost_bucket"), 7);
  history.publish(kStart + 24 * 60 * kMinute + 4 * kBucket);
  const auto later = closer(with);
  ASSERT_TRUE(later->look());
  EXPECT_EQ(count("cost_bucket WHERE bucket < " + std::to_string((kStart + 4 * kBucket) / 1'000)), 0);
}

/// A node that is heard of after the others, with samples that are older than the ledger.
TEST_F(LedgerCloserTest, TheLedgerBeginsWithTheFirstDeviceAlsoWhenItIsHeardOfLater) {
  history.scrape("w1", kStart + 60 * kMinute, kStart + 120 * kMinute, [](EpochMs) { return two_boards(0.5, "a"); });
  history.keep(kStart + 120 * kMinute);
  const auto one = closer();
  ASSERT_TRUE(one->look());
  EXPECT_EQ(count("cost_bucket"), 3);
  history.scrape("w2", kStart, kStart + 120 * kMinute, [](EpochMs) {
    return std::string("DCGM_FI_DEV_GPU_UTIL{gpu=\"0\",UUID=\"GPU-x\",modelName=\"NVIDIA GeForce RTX 4090\"} 10\n");
  });
  history.keep(kStart + 122 * kMinute);
  ASSERT_TRUE(one->look());
  EXPECT_EQ(count("cost_bucket"), 7);
  EXPECT_EQ(sum(kStart, kStart + kBucket), 2 * fleet::kUnit / 4);
  EXPECT_EQ(sum(kStart + 4 * kBucket, kStart + 5 * kBucket), kPerBucket + 2 * fleet::kUnit / 4) << "corrected";
}

/// Two hours that are closed. What is known of them is then lost in part, all of it is corrected by a rate for the
/// past: 8 an hour in the place of the A100's 6.
struct ForgottenTest : LedgerCloserTest {
  void forget(const std::string& statement) {
    hours(2);
    ASSERT_TRUE(closer()->look());
    ASSERT_EQ(sum(), 7 * kPerBucket);
    before = lines();
    ASSERT_TRUE(history.database->run(statement));
    auto with = options();
    fleet::Rate dated;
    dated.model = "A100_80GB";
    dated.per_hour = 8 * fleet::kUnit;
    dated.from = kStart;
    with.settings.rates = {dated};
    const auto one = closer(with);
    ASSERT_TRUE(one->look());
    EXPECT_EQ(count("cost_late l JOIN cost_bucket b ON b.bucket = l.bucket"), 0);
    after = lines();
  }
  /// By device and kind.
  std::map<std::pair<std::string, fleet::CostKind>, fleet::Micros> lines() {
    std::map<std::pair<std::string, fleet::CostKind>, fleet::Micros> out;
    for (const auto& one : rows().rows) out[{one.subject->device_uuid, one.kind}] += one.amount.micros;
    return out;
  }
  std::map<std::pair<std::string, fleet::CostKind>, fleet::Micros> before, after;
};

TEST_F(ForgottenTest, ADeviceThatIsKnownNoLongerIsStillBilled) {
  forget("DELETE FROM device_seen WHERE device_uuid = 'GPU-0'");
  EXPECT_EQ(sum(), 7 * (kPerBucket + fleet::kUnit / 2)) << "what is known has the other rate, the rest stands";
  EXPECT_EQ(after.at({"GPU-0", fleet::CostKind::Used}), before.at({"GPU-0", fleet::CostKind::Used}));
}

TEST_F(ForgottenTest, ADeviceThatIsKnownAgainSinceLaterIsStillBilled) {
  forget("UPDATE device_seen SET first_seen = " + std::to_string(kStart + 4 * kBucket));
  EXPECT_EQ(sum(kStart, kStart + 4 * kBucket), 4 * kPerBucket);
  EXPECT_EQ(sum(kStart + 4 * kBucket), 3 * (kPerBucket + fleet::kUnit / 2));
}

TEST_F(ForgottenTest, UsageThatIsKeptNoLongerIsStillWhoseItWas) {
  forget("DELETE FROM " + std::string(store::usage_table(store::Resolution::FiveMinutes)));
  EXPECT_EQ(after, before);
  EXPECT_GT(after.at({"GPU-0", fleet::CostKind::Used}), 0);
}

TEST_F(ForgottenTest, UsageThatIsKeptInPartIsStillWhoseItWas) {
  forget(fmt::format("DELETE FROM {} WHERE bucket < {}", store::usage_table(store::Resolution::FiveMinutes),
                     (kStart + 20 * kMinute) / 1'000));
  EXPECT_EQ(sum(kStart, kStart + 2 * kBucket), 2 * kPerBucket) << "of the second quarter, a third is lost";
  EXPECT_EQ(sum(kStart + 2 * kBucket), 5 * (kPerBucket + fleet::kUnit / 2));
}

/// As of a database that was filled by something else.
TEST_F(LedgerCloserTest, ALedgerOfDevicesThatNobodyKnowsStandsWhenItsRatesAreKeptFirst) {
  store::CostPosting old;
  old.subject.device_uuid = "GPU-old";
  old.amount = {fleet::kUnit, kBucket, 0};
  store::CostPosting unpriced = old;
  unpriced.subject.device_uuid = "GPU-unpriced";
  unpriced.amount = {0, kBucket, kBucket};
  store::CostWriter writer(*history.database);
  for (int i = 1; i <= 8; ++i) ASSERT_TRUE(*writer.close(kStart - i * kBucket, {old, unpriced}, kStart));
  hours(1);
  const auto one = closer();
  ASSERT_TRUE(one->look());
  EXPECT_EQ(sum(kStart - 8 * kBucket, kStart), 8 * fleet::kUnit);
  EXPECT_EQ(one->stats().corrected, 0U);
  EXPECT_EQ(count("cost_late l JOIN cost_bucket b ON b.bucket = l.bucket WHERE l.why = 'rates changed'"), 0);
}

/// What there is for an hour, then nothing for `away` minutes, then for another hour; all that is known is entered.
struct AwayTest : LedgerCloserTest {
  void away(EpochMs minutes, const std::function<void(EpochMs from, EpochMs to)>& meanwhile = [](auto, auto) {}) {
    hours(1);
    ASSERT_TRUE(closer()->look());
    const EpochMs gone = kStart + 60 * kMinute, back = gone + minutes * kMinute;
    for (EpochMs now = gone + 30 * kMinute; now < back; now += 30 * kMinute) {
      history.publish(now);
      ASSERT_TRUE(closer()->look());
    }
    before = sum();
    meanwhile(gone, back);
    history.scrape("w1", back, back + 60 * kMinute, [](EpochMs) { return two_boards(0.5, "train-0"); });
    history.keep(back + 60 * kMinute);
    ASSERT_TRUE(closer()->look());
    closed = sum(kStart, back);
    std::vector<EpochMs> all;
    for (EpochMs bucket = kStart; bucket < back; bucket += kBucket) all.push_back(bucket);
    ASSERT_TRUE(store::note_late(*history.database, all, store::kRatesChanged));
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(closer()->look());
    EXPECT_EQ(count("cost_late l JOIN cost_bucket b ON b.bucket = l.bucket"), 0);
    corrected = sum(kStart, back);
  }
  fleet::Micros before = 0, closed = 0, corrected = 0;
};

TEST_F(AwayTest, WhatWasSilentForLongerThanADayIsNotBilledForItWhenItIsBack) {
  away(40 * 60);
  EXPECT_EQ(closed, before) << "an hour, and a day of silence";
  EXPECT_NEAR(static_cast<double>(corrected), static_cast<double>(closed), kPerBucket / 3.0) << "to five minutes";
  EXPECT_GT(sum_of(fleet::CostKind::Unobserved), 0);
}

TEST_F(AwayTest, WhatWasSilentForLessStays) {
  away(20 * 60);
  EXPECT_EQ(corrected, 84 * kPerBucket);
}

TEST_F(AwayTest, WhatLeftTheClusterAndCameBackIsNotBilledForTheTimeBetween) {
  away(4 * 60, [&](EpochMs from, EpochMs to) {
    ASSERT_TRUE(history.database->run(
        "INSERT INTO cluster_absence (cluster, node, begins, ends) VALUES ('default', 'w1', ?, ?)",
        {from + 20 * kMinute, to}));
  });
  EXPECT_NEAR(static_cast<double>(corrected), (4 + 4.0 / 3) * kPerBucket, 10)
      << "twenty minutes of silence before it left";
}

}  // namespace
}  // namespace tessera::server
