#include "store/forecast_hours.h"

#include <array>

#include "fleet/cost/ledger.h"

namespace tessera::store {
namespace {

constexpr std::int64_t kHourSeconds = 3'600;
constexpr std::int64_t kBucketsAnHour = kHourSeconds * 1'000 / fleet::kCostBucket.count();

std::array<Value, 2> bounds(EpochMs from, EpochMs to) { return {from / 1000, to / 1000}; }

}  // namespace

Result<std::vector<LedgerHour>> ledger_hours(Database& database, EpochMs from, EpochMs to) {
  std::vector<LedgerHour> out;
  const auto within = bounds(from, to);
  TRY(database.each(
      "SELECT e.bucket / 3600, s.model, COALESCE(o.team, ''), e.kind, CAST(SUM(e.device_ms) AS BIGINT), "
      "CAST(SUM(e.micros) AS BIGINT) FROM cost_entry e JOIN cost_subject s ON s.id = e.subject LEFT JOIN cost_owner o "
      "ON o.id = e.owner WHERE e.bucket >= ? AND e.bucket < ? "
      "GROUP BY e.bucket / 3600, s.model, COALESCE(o.team, ''), e.kind",
      within, [&](const Row& row) {
        out.push_back({row.integer(0).value_or(0) * kHourSeconds * 1000, row.text(1), row.text(2),
                       fleet::cost_kind_named(row.text(3)).value_or(fleet::CostKind::Unobserved),
                       row.integer(4).value_or(0), row.integer(5).value_or(0)});
      }));
  return out;
}

Result<std::vector<EpochMs>> closed_hours(Database& database, EpochMs from, EpochMs to) {
  std::vector<EpochMs> out;
  const auto within = bounds(from, to);
  TRY(
      database.each("SELECT bucket / 3600, COUNT(*) FROM cost_bucket WHERE bucket >= ? AND bucket < ? "
                    "GROUP BY bucket / 3600 ORDER BY bucket / 3600",
                    within, [&](const Row& row) {
                      if (row.integer(1) == kBucketsAnHour)
                        out.push_back(row.integer(0).value_or(0) * kHourSeconds * 1000);
                    }));
  return out;
}

Result<void> add_queue(Database& database, EpochMs hour, std::int64_t observed_ms,
                       const std::vector<QueueShare>& waited) {
  TRY(
      database.run("INSERT INTO queue_seen (hour, observed_ms) VALUES (?, ?) ON CONFLICT (hour) DO UPDATE SET "
                   "observed_ms = queue_seen.observed_ms + excluded.observed_ms",
                   {hour / 1000, observed_ms}));
  for (const QueueShare& one : waited)
    TRY(
        database.run("INSERT INTO queue_hour (hour, team, model, gpu_ms) VALUES (?, ?, ?, ?) ON CONFLICT (hour, "
                     "team, model) DO UPDATE SET gpu_ms = queue_hour.gpu_ms + excluded.gpu_ms",
                     {hour / 1000, one.team, one.model, one.gpu_ms}));
  return {};
}

Result<std::vector<QueueHour>> queue_hours(Database& database, EpochMs from, EpochMs to) {
  std::vector<QueueHour> out;
  const auto within = bounds(from, to);
  TRY(
      database.each("SELECT s.hour, s.observed_ms, q.team, q.model, q.gpu_ms FROM queue_seen s LEFT JOIN queue_hour q "
                    "ON q.hour = s.hour WHERE s.hour >= ? AND s.hour < ? ORDER BY s.hour, q.team, q.model",
                    within, [&](const Row& row) {
                      const EpochMs hour = row.integer(0).value_or(0) * 1000;
                      if (out.empty() || out.back().hour != hour) out.push_back({hour, row.integer(1).value_or(0), {}});
                      if (const auto waited = row.integer(4))
                        out.back().waited.push_back({row.text(2), row.text(3), *waited});
                    }));
  return out;
}

Result<void> drop_queue_before(Database& database, EpochMs time) {
  TRY(database.run("DELETE FROM queue_hour WHERE hour < ?", {time / 1000}));
  return database.run("DELETE FROM queue_seen WHERE hour < ?", {time / 1000});
}

}  // namespace tessera::store
