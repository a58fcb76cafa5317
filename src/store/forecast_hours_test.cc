#include "store/forecast_hours.h"

#include <gmock/gmock.h>

#include <map>
#include <random>
#include <tuple>

#include "fleet/cost/ledger.h"
#include "store/cost_ledger.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using fleet::CostKind;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr EpochMs kHour = 3'600'000, kStart = 500'000 * kHour, kBucketMs = fleet::kCostBucket.count();

struct ForecastHours : EachDatabase {
  static CostPosting posting(const std::string& model, const std::string& team, CostKind kind, fleet::Micros micros) {
    CostPosting out;
    out.subject.model = model;
    out.subject.device_uuid = "GPU-" + model;
    out.kind = kind;
    out.amount = {micros, 900'000, 0};
    if (!fleet::is_allocated(kind)) return out;
    out.owner.emplace();
    out.owner->pod = team + "-0";
    out.owner->team = team;
    out.basis = fleet::CostBasis::Held;
    return out;
  }
};

TEST_P(ForecastHours, HoursOfTheLedgerComeToItsBuckets) {
  std::mt19937 random(5);
  CostWriter writer(*database);
  using Key = std::tuple<EpochMs, std::string, std::string, CostKind>;
  std::map<Key, std::pair<std::int64_t, fleet::Micros>> want, have;
  for (EpochMs bucket = kStart; bucket < kStart + 5 * kHour; bucket += kBucketMs) {
    std::vector<CostPosting> postings;
    for (const char* model : {"H100_80GB", "A100_80GB"}) {
      postings.push_back(posting(model, "", CostKind::Unallocated, static_cast<fleet::Micros>(random() % 1000)));
      for (const char* team : {"vision", "chat", ""})
        if (random() % 3 > 0)
          postings.push_back(posting(model, team, random() % 2 > 0 ? CostKind::Used : CostKind::HeldIdle,
                                     static_cast<fleet::Micros>(random() % 1000)));
    }
    for (const CostPosting& one : postings) {
      auto& [ms, micros] =
          want[{bucket / kHour * kHour, one.subject.model, one.owner ? one.owner->team : "", one.kind}];
      ms += one.amount.device_ms;
      micros += one.amount.micros;
    }
    ASSERT_TRUE(*writer.close(bucket, postings, bucket + kHour));
  }
  const auto all = ledger_hours(*database, kStart, kStart + 5 * kHour);
  ASSERT_TRUE(all) << all.error().what;
  for (const LedgerHour& one : *all) have[{one.hour, one.model, one.team, one.kind}] = {one.device_ms, one.micros};
  EXPECT_EQ(have, want);
  EXPECT_EQ(have.size(), all->size()) << "each comes once";
  EXPECT_THAT(*ledger_hours(*database, kStart + 5 * kHour, kStart + 9 * kHour), IsEmpty());
}

TEST_P(ForecastHours, AnHourIsClosedWhenItsLastBucketIs) {
  CostWriter writer(*database);
  for (EpochMs bucket = kStart; bucket < kStart + 2 * kHour - kBucketMs; bucket += kBucketMs)
    ASSERT_TRUE(*writer.close(bucket, {}, bucket));
  EXPECT_THAT(*closed_hours(*database, kStart, kStart + 3 * kHour), ElementsAre(kStart));
  ASSERT_TRUE(*writer.close(kStart + 2 * kHour - kBucketMs, {}, 0));
  EXPECT_THAT(*closed_hours(*database, kStart, kStart + 3 * kHour), ElementsAre(kStart, kStart + kHour));
}

TEST_P(ForecastHours, WhatIsWaitedForAddsUp) {
  ASSERT_TRUE(add_queue(*database, kStart, 60'000, {{"vision", "H100_80GB", 120'000}, {"", "", 60'000}}));
  ASSERT_TRUE(add_queue(*database, kStart, 30'000, {{"vision", "H100_80GB", 60'000}}));
  ASSERT_TRUE(add_queue(*database, kStart + 2 * kHour, 60'000, {}));
  const auto hours = queue_hours(*database, kStart, kStart + 3 * kHour);
  ASSERT_TRUE(hours) << hours.error().what;
  ASSERT_EQ(hours->size(), 2U);
  EXPECT_EQ(hours->at(0).hour, kStart);
  EXPECT_EQ(hours->at(0).observed_ms, 90'000);
  ASSERT_EQ(hours->at(0).waited.size(), 2U);
  EXPECT_EQ(hours->at(0).waited[0].gpu_ms, 60'000);
  EXPECT_EQ(hours->at(0).waited[1].team, "vision");
  EXPECT_EQ(hours->at(0).waited[1].gpu_ms, 180'000);
  EXPECT_EQ(hours->at(1).observed_ms, 60'000);
  EXPECT_THAT(hours->at(1).waited, IsEmpty()) << "somebody looked, and nobody waited";
  ASSERT_TRUE(drop_queue_before(*database, kStart + kHour));
  EXPECT_EQ(queue_hours(*database, kStart, kStart + 3 * kHour)->size(), 1U);
}

INSTANTIATE_EACH_DATABASE(ForecastHours);

}  // namespace
}  // namespace tessera::store
