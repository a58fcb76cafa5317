#pragma once
// What a cluster's API says of its nodes, namespaces and pods, beside what their series tell: plain values. Only what
// is shown or decided by is kept, so that a large cluster stays small here.
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/cluster/engine_arguments.h"
#include "fleet/cluster/node_demands.h"

namespace tessera::fleet {

using LabelMap = std::map<std::string, std::string>;
/// Of GPUs and MIG devices, by resource name: "nvidia.com/gpu", "nvidia.com/mig-1g.10gb".
using GpuAmounts = std::map<std::string, std::int64_t>;

struct Taint {
  std::string key;
  std::string value;
  std::string effect;  ///< "NoSchedule", "PreferNoSchedule", "NoExecute"
  bool operator==(const Taint&) const = default;
};

struct NodeCondition {
  std::string type;
  std::string status;  ///< "True", "False", "Unknown"
  std::string reason;
  bool operator==(const NodeCondition&) const = default;
};

struct ClusterNode {
  std::string name;
  LabelMap labels;
  std::vector<Taint> taints;
  std::vector<NodeCondition> conditions;
  GpuAmounts allocatable;
  GpuAmounts capacity;
  std::optional<double> allocatable_cpu_cores;
  std::optional<double> allocatable_memory_bytes;
  std::optional<bool> ready;  ///< absent: the node's kubelet is not heard of
  bool cordoned = false;      ///< nothing new is scheduled to it
  std::string created;        ///< RFC 3339, as the API says it
  bool operator==(const ClusterNode&) const = default;
};

struct ClusterNamespace {
  std::string name;
  LabelMap labels;
  LabelMap annotations;
  bool operator==(const ClusterNamespace&) const = default;
};

/// What the pods of a namespace may ask for altogether.
struct ClusterQuota {
  std::string space;
  std::string name;
  GpuAmounts hard, used;  ///< `used` as its controller counts it
  bool scoped = false;    ///< of some of the pods alone
  bool operator==(const ClusterQuota&) const = default;
};

/// A pod that asks for GPUs or holds one.
struct ClusterPod {
  std::string space;  ///< namespace
  std::string name;
  std::string uid;
  LabelMap labels;
  std::string owner_kind;  ///< "Deployment", "StatefulSet", "Job"…; empty: nobody owns it
  std::string owner_name;
  std::string phase;  ///< "Pending", "Running", "Unknown"
  std::string node;   ///< empty: it has none yet
  GpuAmounts requests;
  bool has_claims = false;  ///< it asks by resource claims
  std::optional<double> cpu_request_cores;
  std::optional<double> memory_request_bytes;
  std::string created;
  std::string waits_reason;   ///< why it has no node, by the scheduler: "Unschedulable"
  std::string waits_message;  ///< "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
  std::string waits_since;    ///< RFC 3339
  bool deleting = false;
  std::vector<std::string> gates;  ///< what keeps it from the scheduler
  LabelMap notes;                  ///< annotations of `tessera.dev/`
  std::int64_t priority = 0;
  NodeDemands demands;
  EngineArguments engine_arguments;  ///< by its command line, where it serves a model
  bool asks_for_gpus() const { return !requests.empty() || has_claims; }
  bool operator==(const ClusterPod&) const = default;
};

/// CPU and memory in use, by metrics.k8s.io.
struct ResourceUse {
  double cpu_cores = 0;
  double memory_bytes = 0;
  bool operator==(const ResourceUse&) const = default;
};
using ResourceUses = std::map<std::string, ResourceUse, std::less<>>;

/// One cluster at one time. Immutable, so any thread may hold it for as long as it likes.
struct ClusterView {
  template <class T>
  using ByName = std::map<std::string, std::shared_ptr<const T>, std::less<>>;

  bool watched = false;  ///< false: this server watches no cluster, and all of it is empty
  bool synced = false;   ///< each list has been complete once
  std::string cluster;   ///< which of the fleet's clusters it is
  std::vector<std::string> team_labels;
  ByName<ClusterNode> nodes;
  ByName<ClusterNamespace> namespaces;
  ByName<ClusterPod> pods;                                ///< by "namespace/name"
  ByName<ClusterQuota> quotas;                            ///< of GPUs, by "namespace/name"
  bool quotas_synced = false;                             ///< all of them have been told: may be it is not allowed
  std::map<std::string, EpochMs, std::less<>> gone;       ///< nodes that were there and have left, and when
  std::shared_ptr<const ResourceUses> node_use, pod_use;  ///< null where there is no metrics.k8s.io

  /// Null where it is not known; of another cluster nothing is.
  const ClusterNode* node(std::string_view of_cluster, std::string_view name) const;
  const ClusterPod* pod(std::string_view of_cluster, std::string_view space, std::string_view name) const;
};

/// How many replicas the device plugin makes of each uncut GPU (nvidia.com/gpu.replicas, by GPU feature discovery);
/// absent where they are not shared, or nobody tells.
std::optional<unsigned> gpu_replicas(const ClusterNode& node);

/// "namespace/name"
std::string pod_key(std::string_view space, std::string_view name);

/// Whether a resource is a GPU or a part of one.
bool is_gpu_resource(std::string_view name);

}  // namespace tessera::fleet
