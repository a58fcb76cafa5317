#include "store/sessions.h"

#include <utility>

namespace tessera::store {
namespace {

constexpr std::int64_t kWhole = -1;

std::int64_t part(const std::optional<unsigned>& id) { return id ? std::int64_t{*id} : kWhole; }
std::optional<unsigned> part(std::int64_t id) {
  return id == kWhole ? std::nullopt : std::optional(static_cast<unsigned>(id));
}

fleet::Ended read(const Row& row) {
  fleet::Ended one;
  fleet::SessionFacts facts;
  one.cluster = row.text(0);
  one.device_uuid = row.text(1);
  one.session.part = {part(row.integer(2).value_or(kWhole)), part(row.integer(3).value_or(kWhole))};
  facts.pid = static_cast<unsigned>(row.integer(4).value_or(0));
  one.node = row.text(5);
  one.device_id = row.text(6);
  facts.command = row.text(7);
  facts.type = row.text(8);
  facts.attribution = row.text(9);
  facts.workload = {row.text(10), row.text(11), row.text(12), row.text(13)};
  one.session.start = row.integer(14);
  one.session.first_seen = row.integer(15).value_or(0);
  one.end = one.session.last_seen = row.integer(16).value_or(0);
  if (const auto peak = row.integer(17)) one.session.peak_memory_bytes = static_cast<std::uint64_t>(*peak);
  one.session.util_sum = row.real(18).value_or(0);
  one.session.util_samples = static_cast<std::uint32_t>(row.integer(19).value_or(0));
  one.session.facts = std::make_shared<const fleet::SessionFacts>(std::move(facts));
  return one;
}

}  // namespace

Result<void> write_session(Database& database, const fleet::Ended& one) {
  const fleet::Session& session = one.session;
  const fleet::SessionFacts& facts = *session.facts;
  return database.run(
      "INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "ON CONFLICT (cluster, device_uuid, gpu_instance, compute_instance, pid, started) DO UPDATE SET "
      // Of the same time: the fuller of the two. Of a later one: more of it.
      "utilization_sum = CASE WHEN excluded.first_seen > session.ended THEN session.utilization_sum + "
      "excluded.utilization_sum WHEN excluded.utilization_samples > session.utilization_samples THEN "
      "excluded.utilization_sum ELSE session.utilization_sum END, "
      "utilization_samples = CASE WHEN excluded.first_seen > session.ended THEN session.utilization_samples + "
      "excluded.utilization_samples WHEN excluded.utilization_samples > session.utilization_samples THEN "
      "excluded.utilization_samples ELSE session.utilization_samples END, "
      "ended = GREATEST(session.ended, excluded.ended), "
      "first_seen = LEAST(session.first_seen, excluded.first_seen), "
      "peak_memory_bytes = GREATEST(session.peak_memory_bytes, excluded.peak_memory_bytes)",
      {one.cluster,
       one.device_uuid,
       part(session.part.gpu_instance),
       part(session.part.compute_instance),
       std::int64_t{facts.pid},
       session.start.value_or(session.first_seen),
       one.node,
       one.device_id,
       facts.command,
       facts.type,
       facts.attribution,
       facts.workload.space,
       facts.workload.pod,
       facts.workload.container,
       facts.workload.pod_uid,
       value_or_null(session.start),
       session.first_seen,
       one.end,
       value_or_null(session.peak_memory_bytes),
       session.util_sum,
       std::int64_t{session.util_samples}});
}

Result<std::vector<fleet::Ended>> past_sessions(Database& database, const SessionFilter& filter) {
  std::string sql =
      "SELECT cluster, device_uuid, gpu_instance, compute_instance, pid, node, device_id, command, type, attribution, "
      "namespace, pod, container, pod_uid, process_start, first_seen, ended, peak_memory_bytes, utilization_sum, "
      "utilization_samples FROM session WHERE 1 = 1";
  std::vector<Value> values;
  const auto where = [&](std::string_view condition, Value value) {
    sql += condition;
    values.push_back(std::move(value));
  };
  if (filter.from) where(" AND ended >= ?", *filter.from);
  if (filter.to) where(" AND first_seen <= ?", *filter.to);
  if (!filter.device_uuid.empty()) where(" AND device_uuid = ?", filter.device_uuid);
  if (!filter.space.empty()) where(" AND namespace = ?", filter.space);
  if (!filter.pod.empty()) where(" AND pod = ?", filter.pod);
  where(" ORDER BY ended DESC, device_uuid, pid LIMIT ?", static_cast<std::int64_t>(filter.limit));
  std::vector<fleet::Ended> out;
  TRY(database.each(sql, values, [&](const Row& row) { out.push_back(read(row)); }));
  return out;
}

Result<std::uint64_t> drop_sessions_before(Database& database, EpochMs time) {
  return database.change("DELETE FROM session WHERE ended < ?", {time});
}

}  // namespace tessera::store
