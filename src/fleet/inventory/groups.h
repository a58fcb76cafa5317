#pragma once
// Utilization by whatever people ask for: one fold over a view.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "fleet/inventory/fleet.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet {

enum class GroupBy : std::uint8_t { Fleet, Cluster, Model, Node, Namespace, Pod, Profile, Team };
/// "fleet", "cluster"…, in the order of GroupBy.
const std::vector<std::string_view>& group_by_names();

struct Group {
  std::string key;      ///< "namespace/pod" of a pod, "fleet" of the fleet
  std::string cluster;  ///< empty where the group may be in several
  UtilizationSum utilization;
  std::uint64_t devices = 0;  ///< that it has a part of
  std::uint64_t parts = 0;
};

struct GroupQuery {
  GroupBy by = GroupBy::Fleet;
  gpu::Weight weight = gpu::Weight::ComputeSlices;
  std::function<bool(const Node&, const Device&)> device;      ///< which devices; empty: all but retired ones
  std::function<bool(const Device&, const DevicePart&)> part;  ///< which of their parts; empty: all
  /// Whose a workload is, by cluster; empty: nobody's. Of GroupBy::Team.
  std::function<std::string_view(const std::string&, const Workload&)> team{};
};

/// By cluster and key. What nobody has is in no namespace, pod or team.
std::vector<Group> groups_of(const View& view, const GroupQuery& query);

}  // namespace tessera::fleet
