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
                                std::optional<EpochMs> gone) {
  return database.run(
      "INSERT INTO cluster_node (cluster, node, gone) VALUES (?, ?, ?) ON CONFLICT (cluster, node) DO UPDATE SET gone "
      "= "
      "excluded.gone",
      {std::string(cluster), std::string(node), value_or_null(gone)});
}

}  // namespace tessera::store
