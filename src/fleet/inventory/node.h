#pragma once
// What is known of the GPUs of one node: plain values. What never or hardly ever changes stands behind shared pointers
// to constants, so that copying a node copies numbers.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "fleet/inventory/part.h"
#include "gpu/device.h"
#include "gpu/reading.h"

namespace tessera::fleet {

/// Who a session or an allocation belongs to; all empty for a process outside Kubernetes.
struct Workload {
  std::string space;  ///< namespace
  std::string pod;
  std::string container;
  std::string pod_uid;
  bool is_pod() const { return !pod.empty() || !pod_uid.empty(); }
  bool operator==(const Workload&) const = default;
};

struct InstanceFacts {
  std::string uuid;     ///< "MIG-…"; empty where the exporter does not tell
  std::string profile;  ///< "2g.20gb"
  std::optional<gpu::Placement> placement;
  std::optional<unsigned> compute_slices;  ///< of the compute instance
  std::optional<unsigned> sm_count;
  std::optional<std::uint64_t> memory_bytes;  ///< of the GPU instance
  bool operator==(const InstanceFacts&) const = default;
};

struct Instance {
  Part part;
  std::shared_ptr<const InstanceFacts> facts;
  gpu::Readings readings;
  std::optional<EpochMs> quiet_since;  ///< of a GPU instance: see Device
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
};

/// A process using a device or an instance. The start identifies it with the pid, so that a reused pid is another.
struct SessionFacts {
  unsigned pid = 0;     ///< 0 where the exporter does not tell processes apart
  std::string command;  ///< empty where unknown
  std::string type;     ///< "C", "G", "C+G", "M"
  std::string attribution;
  Workload workload;
  bool operator==(const SessionFacts&) const = default;
};

struct Session {
  std::uint32_t row = 0;  ///< its number in the fleet's tables
  Part part;
  std::shared_ptr<const SessionFacts> facts;
  std::optional<EpochMs> start;  ///< of the process
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> peak_memory_bytes;
  std::optional<double> util_percent;
  std::optional<double> memory_util_percent;
  double util_sum = 0;  ///< of the samples of util_percent
  std::uint32_t util_samples = 0;
  EpochMs util_until = 0;  ///< the time of the newest of them
};

/// A container holds the device or instance by the kubelet's word.
struct AllocationFacts {
  Workload workload;
  std::string resource;              ///< "nvidia.com/gpu"; empty where only a DCGM series' pod labels tell
  bool shared = false;               ///< by time-slicing or MPS
  std::optional<unsigned> replicas;  ///< that this container holds; how many there are, the node's label tells
  bool operator==(const AllocationFacts&) const = default;
};

struct Allocation {
  std::uint32_t row = 0;  ///< its number in the fleet's tables
  Part part;
  std::shared_ptr<const AllocationFacts> facts;
  std::optional<bool> used;  ///< a process of the pod runs on it
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
};

struct DeviceFacts {
  std::string uuid;  ///< "GPU-…"
  unsigned index = 0;
  std::string name;  ///< NVML's
  std::string pci_bus_id;
  std::string serial;
  std::string architecture;
  std::string compute_capability;
  std::string driver_version;
  std::optional<bool> mig_enabled;
  std::optional<bool> mig_pending;
  std::optional<unsigned> compute_slices;
  std::optional<unsigned> sm_count;
  std::optional<std::uint64_t> memory_bytes;
  std::shared_ptr<const std::vector<gpu::Profile>> profiles;  ///< null where the exporter tells none
  bool operator==(const DeviceFacts&) const = default;
};

/// Stale: silent for 2.5 intervals, its numbers are no longer shown. Missing: silent for so long that somebody should
/// look. Retired: its node has left the cluster, another board has its place, or all that was told of it was of the
/// past when it came.
enum class Presence : std::uint8_t { Present, Stale, Missing, Retired };
inline constexpr std::size_t kPresences = 4;
std::string_view presence_name(Presence presence);  ///< "present"

/// The entry of a GPU instance (a part without compute instance) has the readings; those of its compute instances have
/// the facts. See listed_instances().
struct Device {
  std::shared_ptr<const DeviceFacts> facts;
  Presence presence = Presence::Present;
  std::optional<bool> up;  ///< it answered in the agent's last collection; absent without an agent that is heard of
  EpochMs up_told = 0;     ///< when the agent said so
  gpu::Readings readings;
  std::optional<EpochMs> quiet_since;   ///< first sample of its activity since which each was below 1 %
  std::vector<Instance> instances;      ///< by part
  std::vector<Session> sessions;        ///< running
  std::vector<Allocation> allocations;  ///< held now
  std::map<unsigned, std::uint64_t> xids;
  std::optional<double> widest_link;    ///< PCIe lanes, the most that were seen
  std::optional<EpochMs> layout_since;  ///< its layout has changed then, and that has not been told yet
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
  EpochMs heard = 0;  ///< the clock when it was told of last
  bool live = false;  ///< it has been told of while that was news
};

struct Node {
  std::string cluster;
  std::string name;
  std::vector<Device> devices;  ///< by index, then UUID
  EpochMs last_seen = 0;
};

/// `worker-01-GPU-00`
std::string device_id(std::string_view node, unsigned index);

/// 16 hex digits of what makes a session itself: cluster, device, part, process and its start. Another session of a pid
/// that is used again has another one.
std::string session_id(std::string_view cluster, std::string_view uuid, const Session& session);

/// Null where the device has no such part.
Instance* find_instance(Device& device, const Part& part);
/// Made where it is not there.
Instance& instance_at(Device& device, const Part& part, EpochMs time);
/// A GPU instance stays while it has compute instances.
void drop_instance(Device& device, const Part& part);

/// A MIG instance as people count them: each compute instance, or a GPU instance whose exporter knows of none.
struct ListedInstance {
  const Instance* instance = nullptr;
  const gpu::Readings* readings = nullptr;  ///< of its GPU instance: the driver cannot tell two parts of one apart
  std::optional<EpochMs> quiet_since;       ///< likewise
};
std::vector<ListedInstance> listed_instances(const Device& device);

}  // namespace tessera::fleet
