#include "store/quota_seen.h"

#include <array>

namespace tessera::store {

Result<void> add_quota_seen(Database& database, const std::vector<QuotaSeen>& seen) {
  constexpr std::size_t kColumns = 9;
  std::vector<Value> values;
  values.reserve(seen.size() * kColumns);
  for (const QuotaSeen& one : seen)
    values.insert(values.end(), {one.hour / 1'000, one.cluster, one.space, one.quota, one.resource, one.hard,
                                 one.looked_ms, one.refused_ms, one.wanted_most});
  if (values.empty()) return {};
  return database.insert(
      "INSERT INTO quota_seen (hour, cluster, namespace, quota, resource, hard, looked_ms, refused_ms, wanted_most)",
      kColumns, values,
      "ON CONFLICT (hour, cluster, namespace, quota, resource, hard) DO UPDATE SET looked_ms = quota_seen.looked_ms + "
      "excluded.looked_ms, refused_ms = quota_seen.refused_ms + excluded.refused_ms, wanted_most = CASE WHEN "
      "excluded.wanted_most > quota_seen.wanted_most THEN excluded.wanted_most ELSE quota_seen.wanted_most END");
}

Result<std::vector<QuotaSeen>> quota_seen(Database& database, EpochMs from) {
  std::vector<QuotaSeen> out;
  const std::array<Value, 1> values = {from / 1'000};
  TRY(database.each(
      "SELECT hour, cluster, namespace, quota, resource, hard, looked_ms, refused_ms, wanted_most FROM quota_seen "
      "WHERE hour >= ? ORDER BY cluster, namespace, quota, resource, hour, hard",
      values, [&](const Row& row) {
        out.push_back({row.integer(0).value_or(0) * 1'000, row.text(1), row.text(2), row.text(3), row.text(4),
                       row.integer(5).value_or(0), row.integer(6).value_or(0), row.integer(7).value_or(0),
                       row.integer(8).value_or(0)});
      }));
  return out;
}

Result<void> drop_quota_seen_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM quota_seen WHERE hour < ?", {time / 1'000});
}

}  // namespace tessera::store
