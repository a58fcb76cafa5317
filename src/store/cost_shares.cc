#include "store/cost_shares.h"

namespace tessera::store {
namespace {

Value number_of(std::optional<unsigned> gpu_instance) {
  return gpu_instance ? std::int64_t{*gpu_instance} : std::int64_t{-1};
}

/// Of the first three columns.
CostPart part_of(const Row& row) {
  const auto instance = row.integer(2).value_or(-1);
  return {row.text(0), row.text(1), instance < 0 ? std::nullopt : std::optional(static_cast<unsigned>(instance))};
}

}  // namespace

Result<std::vector<CostShared>> cost_shared(Database& database) {
  std::vector<CostShared> out;
  TRY(database.each(
      "SELECT cluster, device_uuid, gpu_instance, begins, replicas FROM cost_shared ORDER BY cluster, device_uuid, "
      "gpu_instance, begins",
      {},
      [&](const Row& row) { out.push_back({part_of(row), row.integer(3).value_or(0), row.integer(4).value_or(1)}); }));
  return out;
}

Result<std::vector<CostHeld>> cost_held(Database& database) {
  std::vector<CostHeld> out;
  TRY(database.each("SELECT cluster, device_uuid, gpu_instance, namespace, pod, pod_uid, replicas FROM cost_held", {},
                    [&](const Row& row) {
                      out.push_back(
                          {{part_of(row), row.text(3), row.text(4), row.text(5)}, row.integer(6).value_or(1)});
                    }));
  return out;
}

Result<void> write_cost_shared(Database& database, const std::vector<CostShared>& shared) {
  constexpr std::size_t kColumns = 5;
  std::vector<Value> values;
  for (const CostShared& one : shared)
    for (Value value : {Value(one.part.cluster), Value(one.part.device_uuid), number_of(one.part.gpu_instance),
                        Value(one.begins), Value(one.replicas)})
      values.push_back(std::move(value));
  return database.insert(
      "INSERT INTO cost_shared (cluster, device_uuid, gpu_instance, begins, replicas)", kColumns, values,
      "ON CONFLICT (cluster, device_uuid, gpu_instance, begins) DO UPDATE SET replicas = excluded.replicas");
}

Result<void> write_cost_held(Database& database, const std::vector<CostHeld>& held, EpochMs seen) {
  constexpr std::size_t kColumns = 8;
  std::vector<Value> values;
  for (const CostHeld& one : held)
    for (Value value :
         {Value(one.by.part.cluster), Value(one.by.part.device_uuid), number_of(one.by.part.gpu_instance),
          Value(one.by.space), Value(one.by.pod), Value(one.by.pod_uid), Value(one.replicas), Value(seen)})
      values.push_back(std::move(value));
  return database.insert(
      "INSERT INTO cost_held (cluster, device_uuid, gpu_instance, namespace, pod, pod_uid, replicas, seen)", kColumns,
      values,
      "ON CONFLICT (cluster, device_uuid, gpu_instance, namespace, pod, pod_uid) DO UPDATE SET replicas = "
      "excluded.replicas, seen = excluded.seen");
}

Result<void> drop_cost_shares_before(Database& database, EpochMs time) {
  TRY(database.run(
      "DELETE FROM cost_shared WHERE begins < ? AND (EXISTS (SELECT 1 FROM cost_shared n WHERE n.cluster = "
      "cost_shared.cluster AND n.device_uuid = cost_shared.device_uuid AND n.gpu_instance = cost_shared.gpu_instance "
      "AND n.begins > cost_shared.begins AND n.begins <= ?) OR NOT EXISTS (SELECT 1 FROM device_seen d WHERE "
      "d.cluster = cost_shared.cluster AND d.device_uuid = cost_shared.device_uuid))",
      {time, time}));
  return database.run("DELETE FROM cost_held WHERE seen < ?", {time});
}

}  // namespace tessera::store
