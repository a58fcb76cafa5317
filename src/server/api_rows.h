#pragma once
// What several resources show alike, and what they are filtered by.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/cluster/cluster.h"
#include "fleet/inventory/health.h"
#include "fleet/inventory/node.h"
#include "fleet/inventory/pods.h"
#include "kube/selector.h"
#include "server/api.h"
#include "server/api_json.h"
#include "server/query.h"
#include "store/sessions.h"

namespace tessera::server {

Json device_json(const fleet::Node& node, const fleet::Device& device);
/// A node as it stands in the heat map.
Json cells_json(const fleet::Node& node);
Json instance_json(const fleet::Node& node, const fleet::Device& device, const fleet::DevicePart& part);
/// `count` is null where only the last code is known.
Json xid_json(unsigned code, Json count);
Json session_json(const fleet::Node& node, const fleet::Device& device, const fleet::Session& session);
Json finding_json(const fleet::Node& node, const fleet::Device& device, const fleet::Problem& problem);
Json pod_part_json(const fleet::Node& node, const fleet::PodPart& part);
/// Sessions that have ended, and, where asked for, those that run. The filter and `state` have been read.
Page list_past_sessions(const Known& known, Query& query, store::SessionFilter filter, bool with_running);

/// A device and where it is.
struct FoundDevice {
  const fleet::Node* node = nullptr;
  const fleet::Device* device = nullptr;
  std::shared_ptr<const fleet::Node> kept{};  ///< the node, where the view does not have it
};
/// By id or UUID. Absent where there is none or several: the query holds the problem.
std::optional<FoundDevice> find_device(const fleet::View& view, Query& query, std::string_view id,
                                       const std::optional<std::string>& cluster);
std::optional<FoundDevice> find_device(const Known& known, Query& query, std::string_view id,
                                       const std::optional<std::string>& cluster);

/// As find_device(); by UUID, one too that is listed no longer, for who may see everything: of its past, rows are kept.
std::optional<FoundDevice> find_past_device(const Known& known, Query& query, std::string_view id,
                                            const std::optional<std::string>& cluster);

/// What somebody restricted gets who asks for the past of a board that is cut, which is not his alone.
void refuse_whole_board(Query& query, const Viewer& viewer);

Json placement_json(const gpu::Placement& placement);
/// Of those that cover `part`.
Json holders_json(const fleet::Device& device, const fleet::Part& part);

/// What `labelSelector` asks of nodes. Of nodes that the cluster does not have, no labels are known.
struct NodeLabels {
  const fleet::ClusterView* cluster = nullptr;
  kube::Selector selector;
  bool wants(const fleet::Node& node) const;
};
/// Nullopt where it is not given; where it is, and no cluster is watched, it is at fault.
std::optional<NodeLabels> read_node_labels(Query& query, const fleet::ClusterView& cluster);

/// Which devices, by parameters that most lists have. What is empty does not filter.
struct DeviceFilter {
  std::optional<std::string> cluster{};
  std::vector<std::string> nodes{};
  std::vector<std::string> devices{};  ///< ids or UUIDs
  std::vector<std::string> models{};   ///< keys or the driver's names
  std::vector<std::string> spaces{};   ///< namespaces that hold or use a part
  std::optional<NodeLabels> labels{};  ///< of their nodes

  bool wants(const fleet::Node& node) const;
  bool wants(const fleet::Node& node, const fleet::Device& device) const;
  bool wants(const fleet::Device& device, const fleet::Part& part) const;  ///< by namespaces alone
  bool wants(const fleet::Workload& workload) const;                       ///< likewise
};

template <class T>
bool is_any(const std::vector<T>& wanted, const auto& value) {
  if (wanted.empty()) return true;
  for (const T& one : wanted)
    if (one == value) return true;
  return false;
}

/// Positions in the names of an enumeration, as Query::words gives them.
template <class Enum>
bool is_one(const std::vector<std::size_t>& wanted, Enum value) {
  return is_any(wanted, static_cast<std::size_t>(value));
}

/// What queries and replies call them.
const std::vector<std::string_view>& presence_names();
const std::vector<std::string_view>& health_names();
const std::vector<std::string_view>& use_names();
const std::vector<std::string_view>& severity_names();
/// Positions in presence_names(); those that are not retired where none are asked for.
std::vector<std::size_t> read_presences(Query& query);

/// Whether a text has another in it, without regard to case; `wanted` is in lower case.
bool has_text(std::string_view text, std::string_view wanted);

}  // namespace tessera::server
