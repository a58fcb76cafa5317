#pragma once
// Pods, folded from what holds and what uses the devices of a node.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet {

/// A device or an instance that a pod holds, uses, or both.
struct PodPart {
  const Device* device = nullptr;
  DevicePart part;
  std::vector<std::string> containers;  ///< by name
  std::string resource;                 ///< empty where the kubelet does not tell
  bool held = false;
  bool shared = false;
  std::optional<bool> used;
  std::optional<std::uint64_t> memory_bytes;  ///< of the pod's processes there
  unsigned replicas = 0;                      ///< that its containers hold, where it is shared
};

/// Points into its node.
struct Pod {
  const Node* node = nullptr;
  std::string space;
  std::string name;  ///< empty while it is known by UID alone
  std::string uid;
  std::vector<PodPart> parts;             ///< by device and part
  UtilizationSum utilization;             ///< by compute slices, over its parts
  std::optional<std::uint64_t> sessions;  ///< absent where no exporter tells processes
  UseSince use;
  EpochMs first_seen = 0;
  EpochMs last_seen = 0;
};

/// Of a device, those that its containers hold altogether; who names no number has one.
unsigned replicas_held(const Device& device);

/// By namespace and name.
std::vector<Pod> pods_of(const Node& node);

}  // namespace tessera::fleet
