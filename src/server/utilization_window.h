#pragma once
// Utilization over a window of time, by group.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fleet/inventory/groups.h"
#include "server/api.h"

namespace tessera::server {

struct WindowQuery {
  fleet::GroupBy by = fleet::GroupBy::Fleet;
  gpu::Weight weight = gpu::Weight::ComputeSlices;
  bool over_device = true;
  Milliseconds window{0};
  std::function<bool(const fleet::Node&, const fleet::Device&)> wants;
  std::vector<std::string> spaces;  ///< namespaces; empty: all
  std::optional<std::string> pod;   ///< its name

  /// Whether who had a part counts, and for how long.
  bool by_owner() const {
    return by == fleet::GroupBy::Namespace || by == fleet::GroupBy::Pod || by == fleet::GroupBy::Team ||
           !spaces.empty() || pod;
  }
};

/// The other parameters have been read.
Page list_window(const Known& known, Query& query, const WindowQuery& asked);

}  // namespace tessera::server
