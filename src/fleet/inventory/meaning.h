#pragma once
// What one series says about the fleet, by its name: tessera-agent's metrics (docs/metrics.md) and those of any
// dcgm-exporter from 3.x to 4.9 under both of its spellings. All else says nothing here.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fleet/inventory/part.h"
#include "gpu/reading.h"
#include "metrics/parse.h"

namespace tessera::fleet {

enum class Says : std::uint8_t {
  Nothing,
  Reading,  ///< one of gpu::Reading, of a device or an instance
  DeviceInfo,
  DeviceComputeSlices,
  DeviceSmCount,
  DeviceMemoryBytes,
  DeviceUp,
  DeviceXids,  ///< events of one XID since the agent started
  InstanceInfo,
  InstanceComputeSlices,
  InstanceSmCount,
  InstanceMemoryBytes,
  ProfileInfo,
  SessionInfo,
  SessionStart,  ///< seconds since the epoch
  SessionMemoryBytes,
  SessionUtilPercent,
  SessionMemoryUtilPercent,
  SessionEnd,  ///< seconds since the epoch
  AllocationInfo,
  AllocationUsed,
  UnallocatedProcesses,
};

/// Who speaks. Where two tell the same of one subject, the later in this list is believed while it speaks.
enum class Origin : std::uint8_t { DcgmExporter, Agent };

/// Turns a value into its reading's unit.
enum class Scale : std::uint8_t { One, Hundred, Thousand, Mebi, Millionth };
double factor_of(Scale scale);

/// 1 of a ratio, 100 of a percentage: what is told above it is taken as that. Absent of what has no such end.
std::optional<double> most_of(gpu::Reading reading);

struct Meaning {
  Says says = Says::Nothing;
  gpu::Reading reading{};  ///< of Says::Reading
  Scale scale = Scale::One;
  bool operator==(const Meaning&) const = default;
};

Meaning meaning_of(std::string_view metric);

/// Whether a GPU instance has this reading for itself. The others belong to the device, and exporters repeat them on
/// each of its instances.
bool is_per_instance(gpu::Reading reading);

/// Labels of one series, as they came: in any order, each name once.
using Labels = std::span<const metrics::Label>;

/// Empty where absent.
std::string_view label(Labels labels, std::string_view name);

/// The label that the exporter wrote: a Prometheus that does not honour labels has renamed it to `exported_…` and put
/// its target's own in the place. Empty where absent.
std::string_view exporters_label(Labels labels, std::string_view name);

/// Where a series comes from and what it is about. Views into the labels.
struct Identity {
  std::string_view cluster;  ///< "default" where unset
  std::string_view node;     ///< `node`, else `Hostname`, else `hostname`, else the host of `instance`
  std::string_view uuid;     ///< of the physical device; empty: not about one
  std::optional<unsigned> index;
  Part part;
  Origin origin = Origin::DcgmExporter;
  std::uint32_t source = 0;  ///< the target that was scraped: a hash of `job` and `instance`
};
Identity identity_of(Labels labels);

/// The pod that a series is about, which is never the exporter's own: where the exporter names none, the target's
/// labels stand alone and say who was scraped.
struct Holder {
  std::string_view space;  ///< namespace
  std::string_view pod;
  std::string_view container;
  std::string_view pod_uid;
  bool empty() const { return pod.empty() && pod_uid.empty(); }
};
Holder holder_of(Labels labels);

}  // namespace tessera::fleet
