#pragma once
// What has changed from one view of the fleet to the next, as events that people wait for.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/inventory/parts.h"

namespace tessera::fleet {

enum class ChangeKind : std::uint8_t {
  DeviceAppeared,  ///< it was not in the view before
  DevicePresence,  ///< present, stale, missing, retired
  DeviceHealth,    ///< healthy, degraded, unhealthy, unknown
  LayoutChanged,   ///< another set of MIG instances
  SessionStarted,  ///< a process uses it
  SessionEnded,
  AllocationStarted,  ///< a container holds it
  AllocationEnded,
  AllocationState,  ///< one that was asked for is in another state: waiting, promised, bound, over
  NodeChange,       ///< how far a node is for its devices to be cut: changing, listing, stopped
  CostRate,         ///< what the fleet costs an hour
  AlertFiring,
  AlertResolved,
};
inline constexpr std::size_t kChangeKinds = 13;
std::string_view change_name(ChangeKind kind);  ///< "device.appeared"

/// Millionths of the currency for an hour; `all` is the sum of the others.
struct HourlyCost {
  std::string currency;
  std::int64_t all = 0;
  std::int64_t allocated = 0, unallocated = 0, unobserved = 0, overhead = 0;
  bool operator==(const HourlyCost&) const = default;
};

/// An alert, as it was when it began or ended.
struct AlertWord {
  std::string name;
  std::string severity;
  std::string summary;
  std::vector<std::pair<std::string, std::string>> labels;
  double value = 0;
  EpochMs fired = 0;  ///< when it began
  bool told = true;   ///< false: somebody has silenced it, or another one explains it
};

struct Change {
  ChangeKind kind{};
  EpochMs time = 0;  ///< of the view that has it
  std::string cluster;
  std::string node;
  std::string device_id;
  std::string uuid;
  std::string model;                   ///< the driver's name
  std::string from, to;                ///< presence, health, state; layouts as "2g.20gb@0,1g.10gb@2"
  std::optional<Part> part{};          ///< of a session or an allocation
  std::string profile;                 ///< of the part
  std::optional<Workload> workload{};  ///< whose session or allocation
  unsigned pid = 0;                    ///< of a session; 0 where it is not told
  std::string command;
  std::string resource;  ///< of an allocation
  std::optional<HourlyCost> cost{};
  std::shared_ptr<const AlertWord> alert{};
  std::vector<std::string> spaces;  ///< namespaces that it concerns, sorted: who may see one of them may see it
};

/// Namespaces that hold or use something of it, sorted.
std::vector<std::string> spaces_of(const Device& device);

/// In the order of nodes and devices. Nodes that the two views share cost nothing.
std::vector<Change> changes_between(const View& before, const View& after);

}  // namespace tessera::fleet
