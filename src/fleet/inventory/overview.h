#pragma once
// The fleet in one look: a fold over devices, kept node by node so that a new view costs what has changed in it.
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/inventory/health.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet {

/// A sum over devices, and how many of them told.
struct Sum {
  double value = 0;
  std::uint64_t told = 0;
  std::uint64_t asked = 0;
  void add(std::optional<double> one) {
    ++asked;
    if (one) value += *one, ++told;
  }
  void add(const Sum& other) { value += other.value, told += other.told, asked += other.asked; }
  std::optional<double> known() const { return told > 0 ? std::optional(value) : std::nullopt; }
  bool operator==(const Sum&) const = default;
};

/// What a namespace has.
struct NamespaceUse {
  std::uint64_t allocations = 0;
  double held_devices = 0;  ///< whole devices and, for instances, their share of the compute slices
  std::uint64_t sessions = 0;
  std::uint64_t tell_sessions = 0;  ///< devices of what it holds or uses; without any, `sessions` says nothing
  UtilizationSum utilization;       ///< over what it holds or uses
  bool operator==(const NamespaceUse&) const = default;
};

/// Of a node, a cluster or the fleet. Retired devices are in by_presence alone.
struct Overview {
  std::uint64_t nodes = 0;  ///< with devices
  std::uint64_t devices = 0;
  std::uint64_t mig_instances = 0;
  std::uint64_t allocations = 0;  ///< containers that hold a device or an instance
  std::uint64_t sessions = 0;
  std::uint64_t unattributed_sessions = 0;  ///< of them, without a pod
  std::uint64_t tell_sessions = 0;          ///< devices; without any, the two above say nothing
  std::array<std::uint64_t, kHealths> by_health{};
  std::array<std::uint64_t, kPresences> by_presence{};
  std::array<std::uint64_t, kUses> by_use{};
  std::array<std::uint64_t, kUses> instances_by_use{};
  std::array<std::uint64_t, kSeverities> findings{};
  UtilizationSum utilization;  ///< by compute slices
  Sum power_watts;
  Sum memory_used_bytes;
  Sum memory_total_bytes;
  std::map<std::string, std::uint64_t> devices_by_model;      ///< by model key
  std::map<std::string, std::uint64_t> instances_by_profile;  ///< by profile key, or by name where there is none
  std::map<std::string, NamespaceUse> namespaces;

  void add(const Overview& other);
  bool operator==(const Overview&) const = default;
};

/// What is worked out of a device, for those who look through all of them.
struct DeviceSummary {
  Presence presence = Presence::Present;
  Health health = Health::Unknown;
  UseSince use;
  std::optional<double> utilization;  ///< of the whole device, by compute slices, 0 to 1
  std::optional<double> memory_used_bytes;
  bool operator==(const DeviceSummary&) const = default;
};

struct NodeOverview {
  Overview sum;
  std::vector<DeviceSummary> devices;  ///< in the node's order
  bool operator==(const NodeOverview&) const = default;
};
NodeOverview overview_of(const Node& node);

struct Overviews {
  Overview all;
  std::map<std::string, Overview> clusters;
  std::vector<std::shared_ptr<const NodeOverview>> nodes;  ///< in the view's order
};

/// Keeps what nodes came to, as views share the nodes that have not changed.
class OverviewFold {
 public:
  Overviews of(const View& view);

 private:
  struct Known {
    std::shared_ptr<const Node> node;
    std::shared_ptr<const NodeOverview> overview;
  };
  std::vector<Known> known_;  ///< of the last view, in its order
};

}  // namespace tessera::fleet
