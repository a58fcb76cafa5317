#pragma once
// What a pod asks of the node that it runs on, as far as it is about the node itself: labels and taints. Of CPU, memory
// and other pods the scheduler alone knows.
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace tessera::fleet {

struct ClusterNode;

struct NodeRequirement {
  std::string key;
  std::string op;  ///< "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"
  std::vector<std::string> values;
  bool is_field = false;  ///< of the node's own fields, of which there is metadata.name
  bool operator==(const NodeRequirement&) const = default;
};
/// All of them are to hold; of none at all no node does.
using NodeTerm = std::vector<NodeRequirement>;

struct Toleration {
  std::string key;  ///< empty with "Exists": of any taint
  std::string op;   ///< "Exists"; else "Equal"
  std::string value;
  std::string effect;  ///< empty: any
  bool operator==(const Toleration&) const = default;
};

struct NodeDemands {
  std::map<std::string, std::string> selector{};
  std::optional<std::vector<NodeTerm>> terms{};  ///< required affinity, of which one is to hold; absent: none is asked
  std::vector<Toleration> tolerations{};
  bool operator==(const NodeDemands&) const = default;
};

/// "its taint pool=a100:NoSchedule is not tolerated"; empty where nothing of this is in the way.
std::string why_not_on(const NodeDemands& demands, const ClusterNode& node);

}  // namespace tessera::fleet
