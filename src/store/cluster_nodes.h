#pragma once
// Nodes that the API of their cluster has shown, so that one which leaves while the server is down is not missed.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"

namespace tessera::store {

/// By name, when it had left; absent: it was there.
using ClusterNodes = std::map<std::string, std::optional<EpochMs>>;

/// Those that still have a device in the database; the others are forgotten.
Result<ClusterNodes> cluster_nodes(Database& database, std::string_view cluster);

Result<void> write_cluster_node(Database& database, std::string_view cluster, std::string_view node,
                                std::optional<EpochMs> gone);

}  // namespace tessera::store
