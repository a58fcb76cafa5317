#pragma once
// Inside the room: what is to be seen of a cluster by who asks its API server, read once: GPU nodes, what is deployed
// of ours, and what may be done by whom. What may not be seen is told, and costs the rest nothing.
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/cells.h"
#include "kube/api.h"

namespace tessera::cli {

/// A right that a program of ours needs and its account does not have.
struct MissingRight {
  std::string account;  ///< "tessera/tessera-relay"
  std::string right;    ///< "list pods"
  bool operator==(const MissingRight&) const = default;
};

struct ClusterSight {
  std::string url, version;
  JsonValue nodes;        ///< lists, as all below; null: not to be seen
  JsonValue pods;         ///< those of Tessera, and dcgm-exporters, but for what is being deleted
  JsonValue leaving;      ///< the others: what an upgrade, or an uninstalled release, leaves for a while
  JsonValue daemon_sets;  ///< of Tessera, but for what is being deleted
  JsonValue namespaces;   ///< that its pods stand in
  JsonValue monitors;     ///< GpuMonitors; null: the cluster knows no such resource
  JsonValue refusals;     ///< events that say why pods of a DaemonSet are not made
  std::vector<MissingRight> missing_rights;
  std::map<std::string, JsonValue> targets;  ///< what a relay scrapes, by its pod "tessera/tessera-relay-0"
  std::vector<std::string> unseen;           ///< what could not be looked at, and why
};

/// An error only where the API server does not answer at all, or knows nobody of our name.
Result<ClusterSight> look_at_cluster(kube::ApiServer server, Milliseconds patience);

/// Whether a label or a resource says that the node has NVIDIA GPUs.
bool is_gpu_node(const JsonValue& node);
/// Devices or MIG instances that the node's kubelet gives to pods, by `capacity` or `allocatable`.
double gpu_resources(const JsonValue& node, std::string_view of);

}  // namespace tessera::cli
