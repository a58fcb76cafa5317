#include "store/cost_pods.h"

#include "store/label_text.h"

namespace tessera::store {

Result<std::vector<fleet::CostOwner>> cost_pods(Database& database) {
  std::vector<fleet::CostOwner> out;
  TRY(database.each(
      "SELECT cluster, namespace, pod, pod_uid, team, project, cost_centre, labels FROM cost_pod ORDER BY seen", {},
      [&](const Row& row) {
        out.push_back({row.text(0), row.text(1), row.text(2), row.text(3), row.text(4), row.text(5), row.text(6),
                       labels_of(row.text(7))});
      }));
  return out;
}

Result<void> write_cost_pods(Database& database, const std::vector<fleet::CostOwner>& pods, EpochMs seen) {
  constexpr std::size_t kColumns = 9;
  std::vector<Value> values;
  for (const fleet::CostOwner& one : pods)
    for (Value value : {Value(one.cluster), Value(one.space), Value(one.pod), Value(one.pod_uid), Value(one.team),
                        Value(one.project), Value(one.cost_centre), Value(label_text(one.labels)), Value(seen)})
      values.push_back(std::move(value));
  return database.insert(
      "INSERT INTO cost_pod (cluster, namespace, pod, pod_uid, team, project, cost_centre, labels, seen)", kColumns,
      values,
      "ON CONFLICT (cluster, namespace, pod, pod_uid) DO UPDATE SET team = excluded.team, project = excluded.project, "
      "cost_centre = excluded.cost_centre, labels = excluded.labels, seen = excluded.seen");
}

Result<void> drop_cost_pods_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM cost_pod WHERE seen < ?", {time});
}

}  // namespace tessera::store
