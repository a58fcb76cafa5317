#pragma once
// The fleet in one look: one fold over a view.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "gpu/weighting.h"

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
};

/// How a namespace stands: slices are compute slices, a whole device's where it is not cut.
struct NamespaceUse {
  std::string name;
  std::uint64_t allocations = 0;
  double slices_held = 0;
};

struct Overview {
  EpochMs time = 0;
  std::uint64_t nodes = 0;
  std::uint64_t devices = 0;  ///< but for retired ones
  std::uint64_t mig_devices = 0;
  std::uint64_t mig_instances = 0;
  std::uint64_t allocations = 0;  ///< containers that hold a device or an instance
  std::uint64_t sessions = 0;
  // Each device is in one of these: unhealthy before held, held before used without being held, and free.
  std::uint64_t held = 0;
  std::uint64_t held_idle = 0;  ///< of the held: no process of a holder runs on any part of it
  std::uint64_t free = 0;
  std::uint64_t unhealthy = 0;                     ///< critical
  std::uint64_t unknown = 0;                       ///< stale
  std::optional<gpu::Mean> utilization;            ///< over whole devices, weighted by compute slices
  std::optional<gpu::Mean> allocated_utilization;  ///< over what is handed out or exists
  std::optional<double> simple_utilization;        ///< every device alike
  Sum power_watts;
  Sum memory_used_bytes;
  Sum memory_total_bytes;
  std::map<std::string, std::uint64_t> devices_by_model;  ///< by model key
  std::vector<NamespaceUse> namespaces;                   ///< the largest first
};

Overview overview_of(const View& view);

}  // namespace tessera::fleet
