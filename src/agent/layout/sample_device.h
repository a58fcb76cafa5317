#pragma once
// For tests: an H100 of 80 GB, cut as one likes.
#include <vector>

#include "agent/layout/state.h"

namespace tessera::agent::layout {

/// Its plain profiles, as its driver offers them.
inline const std::vector<gpu::Profile>& h100() {
  const auto at = [](std::vector<unsigned> starts, unsigned size) {
    std::vector<gpu::Placement> out;
    for (const unsigned start : starts) out.push_back({start, size});
    return out;
  };
  static const std::vector<gpu::Profile> kProfiles = {
      {19, "1g.10gb", 1, {}, 9984ULL << 20U, 7, at({0, 1, 2, 3, 4, 5, 6}, 1)},
      {15, "1g.20gb", 1, {}, 20096ULL << 20U, 4, at({0, 2, 4, 6}, 2)},
      {14, "2g.20gb", 2, {}, 20096ULL << 20U, 3, at({0, 2, 4}, 2)},
      {9, "3g.40gb", 3, {}, 40448ULL << 20U, 2, at({0, 4}, 4)},
      {5, "4g.40gb", 4, {}, 40448ULL << 20U, 1, at({0}, 4)},
      {0, "7g.80gb", 7, {}, 81152ULL << 20U, 1, at({0}, 8)}};
  return kProfiles;
}

inline Place one(unsigned start) { return {{start, 1}, "1g.10gb"}; }
inline Place two(unsigned start) { return {{start, 2}, "2g.20gb"}; }

/// In MIG mode, all idle, each with its compute instance.
inline DeviceState cut(const std::vector<Place>& places) {
  DeviceState out{.uuid = "GPU-1", .name = "NVIDIA H100 80GB HBM3", .mig = true, .pending = true};
  out.mode_needs_reset = false;
  out.profiles = h100();
  for (const Place& place : places)
    out.instances.push_back({.place = place, .compute_instances = {{.profile = place.profile}}});
  return out;
}

}  // namespace tessera::agent::layout
