#pragma once
// From what the fleet, the cluster's API and a node's agent tell to what a step is decided by. Pure.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "server/node_changes/cluster.h"
#include "server/node_changes/mig_config.h"
#include "server/node_changes/next_step.h"
#include "server/wanted_layouts.h"

namespace tessera::server::nodes {

/// What is known beside the node's own object.
struct Around {
  const fleet::View& view;
  const fleet::ClusterView& cluster;
  const WantedLayouts& layouts;
  const Rules& rules;
  std::vector<store::WantedLayout> wanted{};  ///< of this node
  std::shared_ptr<const ToldNode> told{};     ///< by its agent, lately; null: it does not ask
  std::function<bool(const std::string&)> written = [](const std::string&) { return false; };  ///< an entry has been,
                                                                                               ///< for long enough
};

/// `node` may lack what only the API server's own answer has (SeenNode): then nothing is written by it.
NodeSight sight_of(const SeenNode& node, std::vector<PluginPod> plugins, const Around& around);

/// Why nothing is cut on a node, whatever is wanted there; empty: something may be. `told` as in Around.
std::string why_never(const fleet::ClusterNode& node, const ToldNode* told, const Rules& rules);

/// What mig-manager's file is to have for the node; absent where not all of its devices are known.
std::optional<MigEntries::value_type> entry_for(const std::string& node, const Around& around);

/// Nodes of the cluster with devices.
Pool pool_of(const fleet::View& view, const fleet::ClusterView& cluster);

}  // namespace tessera::server::nodes
