#pragma once
// Whose cost a line is, and of what: what it is grouped and filtered by.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "fleet/cost/rates.h"

namespace tessera::fleet {

/// A device as it was when it cost something, or an instance of it.
struct CostSubject {
  std::string cluster;
  std::string node;
  std::string pool;
  std::string model;  ///< key: "H100_80GB"
  Purchase purchase = Purchase::OnDemand;
  std::string device_id;  ///< "worker-01-GPU-00"
  std::string device_uuid;
  std::optional<unsigned> gpu_instance;
  std::string profile;  ///< "2g.20gb"; empty: the whole device
  auto operator<=>(const CostSubject&) const = default;
};

/// Who had it, and by which rules it was whose.
struct CostOwner {
  std::string cluster;
  std::string space;  ///< namespace
  std::string pod;    ///< empty: processes outside of any pod
  std::string pod_uid;
  std::string team;
  std::string project;
  std::string cost_centre;
  std::map<std::string, std::string> labels{};  ///< those that are kept as they are: OwnerRules::keep
  bool is_pod() const { return !pod.empty() || !pod_uid.empty(); }
  auto operator<=>(const CostOwner&) const = default;
};

enum class CostDimension : std::uint8_t {
  Cluster,
  Node,
  Pool,
  Model,
  Purchase,
  Device,
  Instance,  ///< of MIG, by its number on its device (GPU instance ID)
  Profile,
  Namespace,
  Pod,
  Team,
  Project,
  CostCentre,
  Label  ///< one that is kept; has no name of its own
};
inline constexpr std::size_t kCostDimensions = 13;              ///< that have a name
std::string_view cost_dimension_name(CostDimension dimension);  ///< "costCentre"
std::optional<CostDimension> cost_dimension_named(std::string_view name);
/// "cluster, node, …" for messages.
std::string cost_dimension_names();

/// What a group or a condition is by.
struct CostKey {
  CostKey(CostDimension of, std::string called = {})
      : dimension(of), label(std::move(called)) {}  // NOLINT(google-explicit-constructor)
  CostDimension dimension;
  std::string label;  ///< by which it was asked for; a rule may have made a team of it, then `dimension` is that
  bool operator==(const CostKey&) const = default;
};

/// How groups and filters name what has no value.
inline constexpr std::string_view kNoCostValue = "__unallocated__";
/// Empty where there is none. `owner` is null for what nobody has.
std::string_view cost_value(const CostKey& key, const CostSubject& subject, const CostOwner* owner);

}  // namespace tessera::fleet
