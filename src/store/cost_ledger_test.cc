#include "store/cost_ledger.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <limits>

#include "fleet/cost/ledger.h"
#include "store/cost_bucket.h"
#include "store/devices.h"
#include "store/lease.h"
#include "store/partitions.h"
#include "store/test_database.h"
#include "store/usage.h"

namespace tessera::store {
namespace {
using namespace std::chrono_literals;
using fleet::CostAmount;
using fleet::CostBasis;
using fleet::CostKind;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr EpochMs kStart = 1'800'000'000'000, kBucketMs = fleet::kCostBucket.count(), kMinute = 60'000;
constexpr Milliseconds kSpan = 30s;

struct CostKept : EachDatabase {
  CostPosting posting(std::string pod, fleet::Micros micros) const {
    CostPosting out;
    out.subject.cluster = "c";
    out.subject.node = "w1";
    out.subject.model = "H100_80GB";
    out.subject.device_uuid = "GPU-1";
    out.kind = CostKind::Unallocated;
    out.amount = {micros, 900, 0};
    if (pod.empty()) return out;
    out.owner.emplace();
    out.owner->pod = std::move(pod);
    out.kind = CostKind::Used;
    out.basis = CostBasis::Held;
    return out;
  }

  std::vector<fleet::CostRow> rows(EpochMs from = kStart, EpochMs to = kStart + kBucketMs) {
    const fleet::CostWindow piece{from, to};
    auto out = cost_rows(*database, {&piece, 1});
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    if (!out) return {};
    kept = *std::move(out);
    return kept.rows;
  }

  fleet::Micros sum(EpochMs from = kStart, EpochMs to = kStart + kBucketMs) {
    fleet::Micros out = 0;
    for (const fleet::CostRow& one : rows(from, to)) out += one.amount.micros;
    return out;
  }

  CostRows kept;  ///< of the last call of rows(): what they point to
};

TEST_P(CostKept, ABucketIsClosedOnce) {
  CostWriter writer(*database);
  EXPECT_EQ(*newest_cost_bucket(*database), std::nullopt);
  EXPECT_TRUE(*writer.close(kStart, {posting("a", 500), posting("", 300)}, 7));
  EXPECT_FALSE(*writer.close(kStart, {posting("a", 900)}, 8)) << "again, as where the answer was lost";
  CostWriter other(*database);
  EXPECT_FALSE(*other.close(kStart, {posting("b", 900)}, 9));
  EXPECT_EQ(*newest_cost_bucket(*database), kStart);
  EXPECT_EQ(sum(), 800);
  const auto all = rows();
  ASSERT_THAT(all, SizeIs(2));
  for (const fleet::CostRow& one : all) {
    EXPECT_EQ(one.subject->node, "w1");
    EXPECT_EQ(one.owner ? one.owner->pod : "", one.kind == CostKind::Used ? "a" : "");
    EXPECT_FALSE(one.corrects_at);
  }
}

TEST_P(CostKept, OwnersAreToldApartByTheirLabels) {
  CostWriter writer(*database);
  CostPosting web = posting("a", 500), db = posting("a", 300);
  web.owner->labels = {{"app", "web"}, {"note", "two\nlines"}};
  db.owner->labels = {{"app", "db"}};
  ASSERT_TRUE(*writer.close(kStart, {web, db, posting("a", 200)}, 7));
  CostWriter other(*database);
  ASSERT_TRUE(*other.close(kStart + kBucketMs, {web}, 8)) << "whose number another connection gave";
  std::map<std::map<std::string, std::string>, fleet::Micros> by_labels;
  for (const fleet::CostRow& one : rows(kStart, kStart + 2 * kBucketMs))
    by_labels[one.owner->labels] += one.amount.micros;
  EXPECT_EQ(by_labels, (std::map<std::map<std::string, std::string>, fleet::Micros>{
                           {{}, 200}, {db.owner->labels, 300}, {web.owner->labels, 1'000}}));
}

TEST_P(CostKept, LateSamplesAreACorrectionBesideIt) {
  CostWriter writer(*database);
  const std::vector<EpochMs> buckets = {kStart, kStart + kBucketMs};
  ASSERT_TRUE(note_late(*database, buckets));
  EXPECT_THAT(*late_buckets(*database, 9), IsEmpty()) << "not closed, so not late";
  ASSERT_TRUE(*writer.close(kStart, {posting("a", 500), posting("", 300)}, 7));
  const auto late = *late_buckets(*database, 9);
  ASSERT_THAT(late, SizeIs(1));
  EXPECT_EQ(*writer.correct(late[0], {posting("a", 700), posting("b", 100)}, 11), 3U);
  EXPECT_THAT(*late_buckets(*database, 9), IsEmpty());
  EXPECT_EQ(sum(), 800);
  const auto all = rows();
  ASSERT_THAT(all, SizeIs(5)) << "what was closed stands as it was";
  int corrections = 0;
  for (const fleet::CostRow& one : all) corrections += one.corrects_at == 11;
  EXPECT_EQ(corrections, 3);
  EXPECT_EQ(*writer.correct(late[0], {posting("a", 700), posting("b", 100)}, 12), 0U);
  EXPECT_FALSE(writer.correct({kStart + kBucketMs, 1}, {}, 12));
}

/// A rate for the past corrects each bucket of it, every day that the setting is changed.
TEST_P(CostKept, CorrectionsOfManyTimesAreOneLineAndThoseOfLaterMonthsAnother) {
  constexpr EpochMs kDay = 96 * kBucketMs, kNextMonth = kStart + 20 * kDay;
  CostWriter writer(*database);
  for (int i = 0; i < 3; ++i) {
    const EpochMs bucket = kStart + i * kBucketMs;
    ASSERT_TRUE(*writer.close(bucket, {posting("a", 500)}, 7));
    ASSERT_TRUE(writer.correct({bucket, 1}, {posting("a", 600 + i)}, kStart + kDay + i));
    ASSERT_TRUE(writer.correct({bucket, 2}, {posting("a", 700 + i)}, kNextMonth + i));
  }
  std::map<EpochMs, fleet::Micros> sums;
  const auto all = rows(kStart, kStart + 3 * kBucketMs);
  for (const fleet::CostRow& one : all) sums[one.corrects_at.value_or(0)] += one.amount.micros;
  EXPECT_THAT(all, SizeIs(3));
  EXPECT_EQ(sums, (std::map<EpochMs, fleet::Micros>{{0, 1'500}, {kStart + kDay, 303}, {kNextMonth, 300}}));
}

TEST_P(CostKept, WhatComesWhileACorrectionIsWorkedOutStays) {
  CostWriter writer(*database);
  ASSERT_TRUE(*writer.close(kStart, {posting("a", 500)}, 7));
  const EpochMs bucket = kStart;
  ASSERT_TRUE(note_late(*database, {&bucket, 1}));
  const LateBucket seen = late_buckets(*database, 9)->at(0);
  ASSERT_TRUE(note_late(*database, {&bucket, 1}));
  ASSERT_TRUE(writer.correct(seen, {posting("a", 600)}, 11));
  EXPECT_THAT(*late_buckets(*database, 9), SizeIs(1));
  ASSERT_TRUE(drop_late_before(*database, kStart));
  EXPECT_THAT(*late_buckets(*database, 9), SizeIs(1));
  ASSERT_TRUE(drop_late_before(*database, kStart + kBucketMs));
  EXPECT_THAT(*late_buckets(*database, 9), IsEmpty()) << "of what is kept no longer";
}

TEST_P(CostKept, AFailureInTheMiddleLeavesNothing) {
  CostWriter writer(*database);
  bool fails = true;
  database->guard([&](Database&) -> Result<void> {
    if (fails) return fail(Code::Denied, "another server leads");
    return {};
  });
  EXPECT_FALSE(writer.close(kStart, {posting("a", 500)}, 7));
  fails = false;
  EXPECT_THAT(rows(), IsEmpty());
  EXPECT_EQ(*newest_cost_bucket(*database), std::nullopt);
  EXPECT_TRUE(*writer.close(kStart, {posting("a", 500)}, 8)) << "numbers that were rolled back are given anew";
  EXPECT_EQ(sum(), 500);
}

/// A leader that lost its lease, and does not know yet, closes too.
TEST_P(CostKept, WhoLeadsNoLongerEntersNothing) {
  if (!postgres()) GTEST_SKIP() << "one server has an SQLite database for itself";
  const auto second = open();
  const auto guard_by = [](std::int64_t epoch) { return [epoch](Database& of) { return check_epoch(of, epoch); }; };
  const Lease first = *hold_lease(*database, {"journal-1", "a:1", 1ms}, 0);
  ASSERT_TRUE(release_lease(*database, first.epoch));
  const Lease next = *hold_lease(*second, {"journal-2", "b:1", 10s}, 0);
  ASSERT_GT(next.epoch, first.epoch);
  database->guard(guard_by(first.epoch));
  second->guard(guard_by(next.epoch));
  CostWriter old_leader(*database), leader(*second);
  const auto refused = old_leader.close(kStart, {posting("a", 500)}, 7);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::Denied);
  EXPECT_TRUE(*leader.close(kStart, {posting("b", 400)}, 8));
  EXPECT_EQ(old_leader.close(kStart + kBucketMs, {posting("a", 500)}, 9).error().code, Code::Denied);
  EXPECT_EQ(sum(), 400);
}

TEST_P(CostKept, HasOneCurrency) {
  EXPECT_TRUE(keep_currency(*database, *fleet::Currency::named("KRW")));
  EXPECT_TRUE(keep_currency(*database, *fleet::Currency::named("KRW")));
  const auto other = keep_currency(*database, *fleet::Currency::named("USD"));
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().what, HasSubstr("is in KRW"));
}

TEST_P(CostKept, ASumBeyond64BitsIsAnErrorAndNoWrongSum) {
  CostWriter writer(*database);
  const auto most = std::numeric_limits<fleet::Micros>::max();
  ASSERT_TRUE(*writer.close(kStart, {posting("a", most)}, 7));
  EXPECT_EQ(sum(), most);
  ASSERT_TRUE(*writer.close(kStart + kBucketMs, {posting("a", 1)}, 8));
  const fleet::CostWindow both{kStart, kStart + 2 * kBucketMs};
  const auto rows = cost_rows(*database, {&both, 1});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, Code::Invalid) << "a shorter window is the caller's to choose";
}

/// One device with a MIG instance and the pods that have them, as the keeper writes it.
struct CostOfUsage : CostKept {
  void SetUp() override {
    EachDatabase::SetUp();
    if (IsSkipped()) return;
    fleet::Remembered one;
    one.cluster = "c";
    one.node = "w1";
    fleet::DeviceFacts facts;
    facts.uuid = "GPU-1";
    facts.name = "NVIDIA H100 80GB HBM3";
    facts.compute_slices = 7;
    one.device.facts = std::make_shared<const fleet::DeviceFacts>(facts);
    one.device.first_seen = kStart;
    one.device.last_seen = kStart + 20 * kMinute;
    ASSERT_TRUE(write_device(*database, one));
  }

  /// So many minutes of the device (subject 0) or of its instance (subject 1), held by a pod where there is one.
  void write(std::uint32_t subject, EpochMs from, std::int64_t minutes, const char* pod, EpochMs now) {
    std::vector<fleet::OwnerUsage> owners;
    if (pod) owners.push_back(holder(pod));
    write(subject, from, minutes, owners, now);
  }

  /// The same of these, in each span, at a utilization where it is told.
  void write(std::uint32_t subject, EpochMs from, std::int64_t minutes, const std::vector<fleet::OwnerUsage>& owners,
             EpochMs now, std::optional<double> busy = {}) {
    fleet::Usage usage;
    for (EpochMs at = from; at < from + minutes * kMinute; at += kSpan.count()) {
      fleet::SubjectUsage row{subject, at, {}};
      row.totals.observed_ms = kSpan.count();
      if (!owners.empty()) row.totals.owned_ms = kSpan.count();
      if (busy) {
        const double scale = fleet::kFieldRows[static_cast<std::size_t>(fleet::Field::Utilization)].scale;
        const auto value = static_cast<std::int64_t>(*busy * scale);
        row.totals[fleet::Field::Utilization] = {kSpan.count() * value, kSpan.count(), value};
      }
      usage.subjects.push_back(row);
      for (fleet::OwnerUsage one : owners) {
        one.subject = subject;
        one.bucket = at;
        usage.owners.push_back(std::move(one));
      }
    }
    const auto subject_of = [](std::uint32_t number) {
      fleet::UsageSubject out{"c", "GPU-1", std::nullopt, "", 7, std::nullopt};
      if (number == 1) out = {"c", "GPU-1", 3, "2g.20gb", 2, std::nullopt};
      return out;
    };
    ASSERT_TRUE(database->atomically([&]() -> Result<void> {
      TRY(partitions.prepare(*database, now));
      TRY(writer.write(*database, usage, subject_of, now));
      return {};
    }));
  }

  static fleet::OwnerUsage holder(const char* pod) {
    const fleet::Workload of{"ml", pod, "", "uid"};
    return {0, 0, std::nullopt, std::make_shared<const fleet::Workload>(of), kSpan.count(), 0, kSpan.count()};
  }
  /// A process outside of pods that is there all the time.
  static fleet::OwnerUsage on_host() {
    return {0, 0, std::nullopt, std::make_shared<const fleet::Workload>(), 0, kSpan.count(), kSpan.count()};
  }

  CostRules rules() const { return {.rates = rates}; }
  std::vector<CostPosting> bucket(EpochMs begin = kStart) {
    auto out = cost_of_bucket(*database, begin, rules());
    EXPECT_TRUE(out) << (out ? "" : out.error().what);
    return out ? *std::move(out) : std::vector<CostPosting>();
  }
  static fleet::Micros of(const std::vector<CostPosting>& all, CostKind kind) {
    fleet::Micros out = 0;
    for (const CostPosting& one : all) out += one.kind == kind ? one.amount.micros : 0;
    return out;
  }

  const fleet::RateBook rates = *fleet::RateBook::of(fleet::default_rates());
  Partitions partitions{{}};
  UsageWriter writer{kSpan, {}};
};

TEST_P(CostOfUsage, IsThatOfTheDeviceToTheMicroUnit) {
  const EpochMs now = kStart + 20 * kMinute;
  write(0, kStart, 10, nullptr, now);
  write(1, kStart, 10, "train", now);
  const auto all = bucket();
  fleet::Micros sum = 0;
  for (const CostPosting& one : all) sum += one.amount.micros;
  EXPECT_EQ(sum, 2'000'000);
  EXPECT_EQ(of(all, CostKind::Unobserved), 666'667) << "nobody knows of the last five minutes";
  EXPECT_EQ(of(all, CostKind::HeldUnknown), 380'952) << "two slices of seven, and no utilization is told";
  EXPECT_EQ(of(all, CostKind::Unallocated), 952'381);
  const auto held = std::ranges::find(all, CostKind::HeldUnknown, &CostPosting::kind);
  EXPECT_EQ(held->subject.profile, "2g.20gb");
  EXPECT_EQ(held->subject.device_id, "w1-GPU-00");
  EXPECT_EQ(held->owner->pod, "train");
  EXPECT_EQ(held->basis, CostBasis::Held);
}

TEST_P(CostOfUsage, WhoHoldsTwoReplicasOfFourPaysForTwo) {
  write(0, kStart, 15, "train", kStart + 20 * kMinute);
  CostRules shared = rules();
  const CostPart part{"c", "GPU-1", std::nullopt};
  shared.replicas_of = [&](const CostPart& one, EpochMs time) { return one == part && time > kStart ? 4 : 1; };
  shared.replicas_held = [&](const CostHolder& by) { return by == CostHolder{part, "ml", "train", "uid"} ? 2 : 1; };
  const auto all = *cost_of_bucket(*database, kStart, shared);
  // Half of it, but for the millionth that remainders leave.
  EXPECT_NEAR(static_cast<double>(of(all, CostKind::HeldUnknown)), 1'000'000, 1);
  EXPECT_EQ(of(all, CostKind::HeldUnknown) + of(all, CostKind::Unallocated), 2'000'000);
}

TEST_P(CostOfUsage, AProcessOutsideOfPodsHoldsNothingAndItsWorkIsUsedByNobody) {
  write(0, kStart, 15, {on_host()}, kStart + 20 * kMinute, 0.25);
  const auto all = bucket();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(of(all, CostKind::Unallocated), 1'500'000);
  EXPECT_EQ(of(all, CostKind::Used), 500'000);
  EXPECT_FALSE(std::ranges::find(all, CostKind::Used, &CostPosting::kind)->owner->is_pod());
}

TEST_P(CostOfUsage, AProcessOutsideOfPodsTakesNothingOfAnInstanceOrAReplica) {
  const EpochMs now = kStart + 20 * kMinute;
  write(0, kStart, 15, {on_host()}, now);
  write(1, kStart, 15, {holder("train"), on_host()}, now);
  CostRules shared = rules();
  shared.replicas_of = [](const CostPart& part, EpochMs) { return part.gpu_instance ? 4 : 1; };
  for (const auto& [of_rules, share] : {std::pair{rules(), 2.0 / 7}, {shared, 2.0 / 7 / 4}}) {
    const auto all = *cost_of_bucket(*database, kStart, of_rules);
    EXPECT_NEAR(static_cast<double>(of(all, CostKind::HeldUnknown)), 2e6 * share, 2);
    EXPECT_EQ(of(all, CostKind::HeldUnknown) + of(all, CostKind::Unallocated), 2'000'000);
  }
}

TEST_P(CostOfUsage, ADeviceCostsFromWhenItWasSeenUntilItIsLongSilent) {
  EXPECT_THAT(bucket(kStart - kBucketMs), IsEmpty());
  EXPECT_EQ(of(bucket(kStart), CostKind::Unobserved), 2'000'000);
  EXPECT_EQ(of(bucket(kStart + 96 * kBucketMs), CostKind::Unobserved), 2'000'000) << "a day later";
  EXPECT_EQ(of(bucket(kStart + 97 * kBucketMs), CostKind::Unobserved), 666'666) << "and for its last five minutes";
  EXPECT_THAT(bucket(kStart + 98 * kBucketMs), IsEmpty());
  ASSERT_TRUE(database->run("INSERT INTO cluster_node VALUES ('c', 'w1', ?)", {kStart + 25 * kMinute}));
  EXPECT_EQ(of(bucket(kStart + kBucketMs), CostKind::Unobserved), 1'333'333) << "its node has left";
  EXPECT_THAT(bucket(kStart + 2 * kBucketMs), IsEmpty());
}

TEST_P(CostOfUsage, WhatIsWrittenLateIsNotedAndCorrected) {
  CostWriter ledger(*database);
  write(0, kStart, 5, "train", kStart + 6 * kMinute);
  ASSERT_TRUE(*ledger.close(kStart, bucket(), kStart + 30 * kMinute));
  EXPECT_THAT(*late_buckets(*database, 9), IsEmpty());
  write(0, kStart + 5 * kMinute, 10, "train", kStart + 3 * 60 * kMinute);
  const auto late = *late_buckets(*database, 9);
  ASSERT_THAT(late, SizeIs(1));
  ASSERT_TRUE(ledger.correct(late[0], bucket(), kStart + 181 * kMinute));
  EXPECT_EQ(sum(), 2'000'000);
  fleet::Micros unobserved = 0;
  for (const fleet::CostRow& one : rows()) unobserved += one.kind == CostKind::Unobserved ? one.amount.micros : 0;
  EXPECT_EQ(unobserved, 0);
}

TEST_P(CostKept, WhatIsOldGoesStepByStepAndTakesItsNamesAlong) {
  CostWriter writer(*database);
  constexpr EpochMs kLater = kStart + 3 * 96 * kBucketMs, kOld = kLater - kBucketMs;
  for (int i = 0; i < 4; ++i)
    ASSERT_TRUE(*writer.close(kStart + i * kBucketMs, {posting("old", 500), posting("", 300)}, 7));
  ASSERT_TRUE(*writer.close(kLater, {posting("new", 500), posting("", 300)}, 7));
  const auto count = [&](const char* table) {
    std::int64_t out = 0;
    EXPECT_TRUE(database->each(std::string("SELECT COUNT(*) FROM ") + table, {},
                               [&](const Row& row) { out = row.integer(0).value_or(0); }));
    return out;
  };
  EXPECT_TRUE(*writer.drop_before(kOld, 3));
  EXPECT_EQ(count("cost_bucket"), 2);
  EXPECT_EQ(count("cost_owner"), 2) << "names go last";
  EXPECT_FALSE(*writer.drop_before(kOld, 3));
  EXPECT_FALSE(*writer.drop_before(kOld, 3));
  EXPECT_EQ(count("cost_bucket"), 1);
  EXPECT_EQ(count("cost_entry"), 2);
  EXPECT_EQ(count("cost_owner"), 1);
  EXPECT_EQ(count("cost_subject"), 1) << "which the new one has too";
  EXPECT_EQ(sum(kStart, kLater + kBucketMs), 800);
  EXPECT_TRUE(*writer.close(kLater + kBucketMs, {posting("old", 500)}, 7)) << "its name is given a number again";
  EXPECT_EQ(sum(kStart, kLater + 2 * kBucketMs), 1'300);
}

INSTANTIATE_EACH_DATABASE(CostKept);
INSTANTIATE_EACH_DATABASE(CostOfUsage);

}  // namespace
}  // namespace tessera::store
