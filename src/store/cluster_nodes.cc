#include "store/cluster_nodes.h"

namespace tessera::store {

Result<ClusterNodes> cluster_nodes(Database& database, std::string_view cluster) {
  const std::string of(cluster);
  TRY(
      database.run("DELETE FROM cluster_node WHERE cluster = ? AND node NOT IN (SELECT node FROM device_seen WHERE "
                   "cluster = ?)",
                   {of, of}));
  ClusterNodes out;
  const Value values[] = {of};
  TRY(database.each("SELECT node, gone FROM cluster_node WHERE cluster = ?", values,
                    [&](const Row& row) { out[row.text(0)] = row.integer(1); }));
  return out;
}

Result<void> write_cluster_node(Database& database, std::string_view cluster, std::string_view node,
                                std::optional<EpochMs> gone, EpochMs now) {
  if (!gone)
    TRY(database.run(
        "INSERT INTO cluster_absence (cluster, node, begins, ends) SELECT cluster, node, gone, CAST(? AS BIGINT) FROM "
        "cluster_node WHERE cluster = ? AND node = ? AND gone < ? ON CONFLICT (cluster, node, begins) DO "
        "NOTHING",
        {now, std::string(cluster), std::string(node), now}));
  return database.run(
      "INSERT INTO cluster_node (cluster, node, gone) VALUES (?, ?, ?) ON CONFLICT (cluster, node) DO UPDATE SET gone "
      "= "
      "excluded.gone",
      {std::string(cluster), std::string(node), value_or_null(gone)});
}

Result<std::vector<ClusterAbsence>> cluster_absences(Database& database, EpochMs from, EpochMs to) {
  std::vector<ClusterAbsence> out;
  const Value values[] = {to, from};
  TRY(
      database.each("SELECT cluster, node, begins, ends FROM cluster_absence WHERE begins < ? AND ends > ? ORDER BY "
                    "cluster, node, begins",
                    values, [&](const Row& row) {
                      out.push_back({row.text(0), row.text(1), row.integer(2).value_or(0), row.integer(3).value_or(0)});
                    }));
  return out;
}

Result<void> drop_cluster_absences_before(Database& database, EpochMs time) {
  return database.run("DELETE FROM cluster_absence WHERE ends < ?", {time});
}

}  // namespace tessera::store
