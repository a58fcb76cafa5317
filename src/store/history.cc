#include "store/history.h"

#include <fmt/format.h>

#include <array>

namespace tessera::store {
namespace {

constexpr std::string_view kSubject =
    "s.id, s.cluster, s.device_uuid, s.gpu_instance, s.profile, s.compute_slices, s.sm_count";
constexpr std::size_t kSubjectColumns = 7;

UsageOf read_subject(const Row& row) {
  const auto count = [&](std::size_t column) {
    const auto value = row.integer(column);
    return value && *value >= 0 ? std::optional(static_cast<unsigned>(*value)) : std::nullopt;
  };
  return {row.integer(0).value_or(0), row.text(1), row.text(2), count(3), row.text(4), count(5), count(6)};
}

// The key begins with the time: a subject's rows are found point by point, each by its whole key.
Result<void> each_point(Database& database, std::int64_t subject, const Span& span, std::string_view columns,
                        std::string_view table, const std::function<void(const Row&)>& take) {
  if (span.from >= span.to) return {};
  const std::array<Value, 5> values = {span.from, span.bucket, span.bucket, span.to, subject};
  return database.each(
      fmt::format("WITH RECURSIVE span(at) AS (SELECT CAST(? AS BIGINT) UNION ALL SELECT at + CAST(? AS BIGINT) FROM "
                  "span WHERE at + CAST(? AS BIGINT) < CAST(? AS BIGINT)) SELECT u.bucket, {} FROM span CROSS JOIN {} "
                  "WHERE u.bucket = span.at AND u.subject = ? ORDER BY u.bucket",
                  columns, table),
      values, take);
}

}  // namespace

Result<std::vector<UsageOf>> usage_of_device(Database& database, std::string_view cluster,
                                             std::string_view device_uuid) {
  std::vector<UsageOf> out;
  const std::array<Value, 2> values = {std::string(cluster), std::string(device_uuid)};
  TRY(database.each(fmt::format("SELECT {} FROM usage_subject s WHERE s.cluster = ? AND s.device_uuid = ? ORDER BY "
                                "s.gpu_instance, s.id",
                                kSubject),
                    values, [&](const Row& row) { out.push_back(read_subject(row)); }));
  return out;
}

Result<void> each_bucket(Database& database, std::int64_t subject, const Span& span,
                         const std::function<void(std::int64_t, const fleet::Totals&)>& take) {
  return each_point(database, subject, span, totals_columns(false), fmt::format("{} u", usage_table(span.resolution)),
                    [&](const Row& row) { take(row.integer(0).value_or(0), totals_of(row, 1)); });
}

Result<void> each_owner(Database& database, std::int64_t subject, const Span& span,
                        const std::function<void(std::int64_t, std::string_view)>& take) {
  return each_point(database, subject, span, "w.namespace",
                    fmt::format("{} u JOIN usage_owner w ON w.id = u.owner", owned_table(span.resolution)),
                    [&](const Row& row) { take(row.integer(0).value_or(0), row.text(1)); });
}

Result<std::vector<UsageSum>> usage_sums(Database& database, const Span& span) {
  std::vector<UsageSum> out;
  const std::array<Value, 2> values = {span.from, span.to};
  TRY(database.each(
      fmt::format("SELECT {}, {} FROM {} u JOIN usage_subject s ON s.id = u.subject WHERE u.bucket >= ? AND u.bucket < "
                  "? GROUP BY {}",
                  kSubject, totals_columns(true), usage_table(span.resolution), kSubject),
      values, [&](const Row& row) { out.push_back({read_subject(row), totals_of(row, kSubjectColumns)}); }));
  return out;
}

Result<std::vector<OwnedSum>> owned_sums(Database& database, const Span& span) {
  std::vector<OwnedSum> out;
  const std::array<Value, 2> values = {span.from, span.to};
  TRY(database.each(
      fmt::format(
          "SELECT o.subject, w.cluster, w.namespace, w.pod, CAST(SUM(o.share_ms) AS BIGINT), SUM(CAST(1 AS DOUBLE "
          "PRECISION) * (u.observed_ms - u.util_gap) * "
          "o.share_ms / u.observed_ms), SUM(CAST(1 AS DOUBLE PRECISION) * u.util_sum * o.share_ms / u.observed_ms) "
          "FROM {} o JOIN {} u ON "
          "u.bucket = o.bucket AND u.subject = o.subject JOIN usage_owner w ON w.id = o.owner WHERE o.bucket >= ? AND "
          "o.bucket < ? AND u.observed_ms > 0 GROUP BY o.subject, w.cluster, w.namespace, w.pod",
          owned_table(span.resolution), usage_table(span.resolution)),
      values, [&](const Row& row) {
        const double scale = fleet::kFieldRows[static_cast<std::size_t>(fleet::Field::Utilization)].scale;
        out.push_back({row.integer(0).value_or(0), row.text(1), row.text(2), row.text(3), row.integer(4).value_or(0),
                       row.real(5).value_or(0), row.real(6).value_or(0) / scale});
      }));
  return out;
}

}  // namespace tessera::store
