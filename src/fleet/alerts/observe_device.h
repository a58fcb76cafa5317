#pragma once
// Inside the room. What is told of devices and their parts, as observations.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "fleet/alerts/baseline.h"
#include "fleet/alerts/evaluator.h"
#include "fleet/alerts/neighbour_throttling.h"
#include "fleet/alerts/own_past.h"
#include "fleet/inventory/fleet.h"

namespace tessera::fleet::alerts {

std::string node_key(const Node& node);                          ///< "default/worker-01"
std::string device_key(const Node& node, const Device& device);  ///< "default/GPU-…"
LabelSet device_labels(const Node& node, const Device& device);
/// With those of the part, in order.
LabelSet part_labels(const Node& node, const Device& device, const Part& part);

inline constexpr double kIdle = 0.05, kBusy = 0.5, kBusyAllTheTime = 0.9;
std::optional<double> utilization_of(const Device& device);  ///< 0 to 1; of one that is cut, weighted by its instances
std::optional<double> power_of_limit(const Device& device);  ///< share of the limit that is in force
/// NVML's nvmlClocksEventReason bits: hardware slowdown, heat by software and by hardware, power brake. Not the
/// software's power cap (0x04), into which a board that works hard runs as it is meant to.
inline constexpr std::uint64_t kHeldDown = 0x08 | 0x20 | 0x40 | 0x80;
/// 1 where the clocks are held down for any of these reasons, else 0.
std::optional<double> held_down(const Device& device, std::uint64_t bits);
/// The driver says that they are, or they are lower than is usual for such work. A job that draws little, as one that
/// waits for memory, has them as high as any other. `usual_mhz` absent: not known.
bool clocks_are_low(const Device& device, std::optional<double> usual_mhz);

/// What devices of one model are like now: those that do much, and those that do nothing, as heat and power follow the
/// work. What is in between is like neither.
class Neighbours {
 public:
  Neighbours(const View& view, const OwnPast& past);
  /// Of one that draws no more than others do: the same share of the time is other work, and other heat.
  std::optional<double> temperature_deviation(const Device& device) const;
  /// Of those that are busy all the time, where clocks are low.
  std::optional<double> power_deviation(const Device& device) const;
  const NeighbourThrottling& throttling() const { return throttling_; }

 private:
  struct Heat {
    Centre celsius;
    double watts = 0;  ///< median
  };
  using Alike = std::pair<std::string, bool>;  ///< model, and whether it is busy (else idle)
  static std::optional<Alike> alike(const Device& device);

  std::map<Alike, Heat> heat_;
  struct Power {
    std::optional<Centre> of_limit;   ///< share of it
    std::optional<double> usual_mhz;  ///< median
  };
  std::map<std::string, Power> power_;  ///< by model
  NeighbourThrottling throttling_;
};

/// XIDs of a time, by device and by whose fault they mostly are; absent where nobody knows.
class XidCounts {
 public:
  explicit XidCounts(std::optional<std::span<const XidsSeen>> xids);
  std::optional<double> of(const Node& node, const Device& device, Blame blame) const;

 private:
  bool known_ = false;
  std::map<std::pair<std::string, Blame>, std::uint64_t> events_;  ///< by device's key
};

struct DeviceSight {
  const Node& node;
  const Device& device;
  bool node_is_heard;
  bool agent_away;  ///< for a while, where the device itself is heard of
  EpochMs now;
};

/// Of a device that has not retired. What it does not tell while it is heard of does not apply to it, and is not
/// observed; of a silent one everything is observed as unknown.
void observe_device(const DeviceSight& sight, const Neighbours& neighbours, const XidCounts& xids, const OwnPast& own,
                    Round& round);

}  // namespace tessera::fleet::alerts
