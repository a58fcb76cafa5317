#include "demo/past.h"

#include <gtest/gtest.h>

#include <map>

#include "base/files.h"
#include "fleet/cost/ledger.h"
#include "fleet/forecast/forecast.h"
#include "server/cost/settings.h"
#include "store/cost_rates.h"
#include "store/forecast_hours.h"

namespace tessera::demo {
namespace {

constexpr EpochMs kHour = 3'600'000, kBucket = fleet::kCostBucket.count(), kNow = 500'000 * kHour + 7 * 60'000;

TEST(DemoPast, EachDeviceCostsItsTime) {
  for (EpochMs bucket = kNow / kBucket * kBucket, end = bucket + 9 * 24 * kHour; bucket < end; bucket += kBucket) {
    std::map<std::string, fleet::CostAmount> sums;
    for (const store::CostPosting& one : past_postings("demo", bucket, 20)) {
      EXPECT_GE(one.amount.micros, 0);
      EXPECT_GT(one.amount.device_ms, 0);
      sums[one.subject.device_id].micros += one.amount.micros;
      sums[one.subject.device_id].device_ms += one.amount.device_ms;
    }
    ASSERT_EQ(sums.size(), 15U);
    for (const auto& [id, sum] : sums) EXPECT_EQ(sum.device_ms, kBucket) << id;
    EXPECT_EQ(sums["worker-01-GPU-01"].micros, 2'000'000);
    EXPECT_EQ(sums["worker-02-GPU-00"].micros, 1'500'000);
    EXPECT_EQ(sums["worker-03-GPU-01"].micros, 0) << "nobody has said what it costs";
  }
}

TEST(DemoPast, IsAPastThatCanBeForecast) {
  const TempDir folder;
  const auto database = store::Database::open("sqlite:" + (folder.path() / "t.db").string());
  ASSERT_TRUE(database) << database.error().what;
  ASSERT_TRUE(write_past(**database, "demo", kNow, 8));
  EXPECT_FALSE(write_past(**database, "demo", kNow, 8)) << "a ledger has one past";
  const EpochMs end = kNow / kHour * kHour;
  std::map<EpochMs, double> used;
  const auto hours = store::ledger_hours(**database, end - 8 * 24 * kHour, end);
  ASSERT_TRUE(hours);
  for (const store::LedgerHour& one : *hours)
    if (one.kind == fleet::CostKind::Used) used[one.hour] += static_cast<double>(one.device_ms);
  std::vector<std::optional<double>> series;
  for (const auto& [hour, ms] : used) series.emplace_back(ms);
  const auto made = fleet::forecast::forecast(series);
  ASSERT_TRUE(made) << made.error().what;
  EXPECT_LT(*made->scaled, 1.2);
  EXPECT_EQ(store::queue_hours(**database, end - 24 * kHour, end)->size(), 24U);
}

/// A server without settings has these rates; another past than its own would be corrected to what it knows: nothing.
TEST(DemoPast, StandsWhenAServerKeepsItsRates) {
  const TempDir folder;
  const auto database = store::Database::open("sqlite:" + (folder.path() / "t.db").string());
  ASSERT_TRUE(database) << database.error().what;
  ASSERT_TRUE(write_past(**database, "demo", kNow, 3));
  std::vector<fleet::Rate> wanted;
  for (const auto& [model, amount] : server::CostSettings().default_rates) {
    wanted.emplace_back().model = model;
    wanted.back().per_hour = *fleet::parse_decimal(amount);
  }
  EXPECT_EQ(*store::cost_rates(**database), *store::keep_cost_rates(**database, wanted, 0, kNow + kBucket));
  EXPECT_TRUE(store::late_buckets(**database, 9)->empty());
}

}  // namespace
}  // namespace tessera::demo
