#pragma once
// Nodes that the API of their cluster has shown, so that one which leaves while the server is down is not missed.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"

namespace tessera::store {

/// By name, when it had left; absent: it was there.
using ClusterNodes = std::map<std::string, std::optional<EpochMs>>;

/// Those that still have a device in the database; the others are forgotten.
Result<ClusterNodes> cluster_nodes(Database& database, std::string_view cluster);

/// In a transaction of the caller's, or by itself. Of one that has come back, it is kept for how long it was away.
Result<void> write_cluster_node(Database& database, std::string_view cluster, std::string_view node,
                                std::optional<EpochMs> gone, EpochMs now);

/// A node was not there from `begins` to `ends`.
struct ClusterAbsence {
  std::string cluster;
  std::string node;
  EpochMs begins = 0, ends = 0;
  bool operator==(const ClusterAbsence&) const = default;
};
/// Those that have anything of [from, to), of each node the earliest first.
Result<std::vector<ClusterAbsence>> cluster_absences(Database& database, EpochMs from, EpochMs to);
Result<void> drop_cluster_absences_before(Database& database, EpochMs time);

}  // namespace tessera::store
