#pragma once
// What the cluster's API says of nodes and pods, as it stands in their rows.
#include <nlohmann/json_fwd.hpp>

#include "fleet/cluster/cluster.h"
#include "fleet/inventory/node.h"
#include "server/api_json.h"

namespace tessera::server {

/// Null where it says nothing of it.
Json kubernetes_json(const fleet::ClusterView& cluster, const fleet::Node& node);
Json kubernetes_json(const fleet::ClusterView& cluster, const fleet::ClusterPod& pod);

}  // namespace tessera::server
