#pragma once
// The parts of a device that can be given to somebody: its instances, or the device itself where it is not cut. Who has
// them and whether they work.
#include <optional>
#include <vector>

#include "fleet/inventory/node.h"

namespace tessera::fleet {

struct DevicePart {
  Part part;
  const Instance* instance = nullptr;  ///< null for the whole device
  const gpu::Readings* readings = nullptr;
  std::optional<EpochMs> quiet_since;  ///< since when it has been below kQuietRatio
};

bool is_cut(const Device& device);

/// None for a device in MIG mode that has no instances.
std::vector<DevicePart> parts_of(const Device& device);

/// Whether what was told of `told` is about `part` too. An exporter that knows no compute instances means all of them.
bool covers(const Part& told, const Part& part);

/// "2g.20gb"; empty for the whole device, or where nobody tells.
std::string_view profile_of(const Device& device, const Part& part);

/// Whether an exporter tells the device's processes: without one, none is not known to be none.
bool tells_sessions(const Device& device);

enum class Use : std::uint8_t {
  Active,
  Idle,    ///< held, or with processes, and does nothing
  Free,    ///< nobody holds or uses it
  Unknown  ///< not observed
};
inline constexpr std::size_t kUses = 4;
std::string_view use_name(Use use);  ///< "active"

struct UseSince {
  Use use = Use::Unknown;
  std::optional<EpochMs> idle_since;  ///< of Idle, where it is known
  bool operator==(const UseSince&) const = default;
};

constexpr double kQuietRatio = 0.01;  ///< less than this is nothing
constexpr Milliseconds kQuietBeforeIdle{10 * 60'000};

/// As of the device's last sample, so that a node that has not changed has not changed its use either.
UseSince use_of(const Device& device, const DevicePart& part);
/// Active if a part is, else idle if one is, else free.
UseSince use_of(const Device& device);

/// Since when those who have it have it; its last sample where nobody has.
EpochMs first_had(const Device& device);

/// In MIG mode each instance tells for itself.
std::optional<double> memory_used_bytes(const Device& device);
std::optional<double> memory_total_bytes(const Device& device);

}  // namespace tessera::fleet
