#pragma once
// What is to be done about pods that wait at our gate, from what the cluster shows and what they are promised. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/allocation/book.h"
#include "fleet/cluster/cluster.h"

namespace tessera::server {

struct GateStep {
  enum class What : std::uint8_t {
    Ask,   ///< for an allocation
    Tell,  ///< the pod's note is to say why it waits
    Open   ///< it may go to its node
  };
  What what{};
  std::string space, pod, uid;
  std::string note{};    ///< of Tell and Open: "waiting: …"
  bool warning = false;  ///< somebody has to do something
  std::string node{};    ///< of Open
  bool operator==(const GateStep&) const = default;
};

/// Whether our gate is what keeps it from a node.
bool waits_at_gate(const fleet::ClusterPod& pod);

/// The next step of one pod that asks by label, be there a gate or not. A node's device plugin has `patience` to list
/// what is ready. Absent where there is nothing to be done but to wait.
std::optional<GateStep> step_of(const fleet::ClusterPod& pod, const fleet::ClusterView& cluster,
                                const fleet::AllocationBook& book, EpochMs now, Milliseconds patience);

/// Of each pod at the gate at most one step; none where its note says so already. After `patience` the pod is let go
/// on, to wait at the scheduler for what its node does not list.
std::vector<GateStep> gate_steps(const fleet::ClusterView& cluster, const fleet::AllocationBook& book, EpochMs now,
                                 Milliseconds patience);

/// How a node is named in a required node affinity.
struct NodeName {
  bool is_field = false;  ///< metadata.name; else a label
  std::string key, value;
};
NodeName name_for_affinity(const fleet::ClusterView& cluster, const std::string& node);

/// The JSONPatch that lets a pod, as the API server has it, go to its node, and notes it: that state of the pod alone
/// takes it. Empty where it does not wait at our gate.
std::string opening_patch(std::string_view pod, const NodeName& node, const std::string& note);

}  // namespace tessera::server
