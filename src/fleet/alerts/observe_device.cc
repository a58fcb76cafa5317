#include "fleet/alerts/observe_device.h"

#include <fmt/format.h>

#include <algorithm>

#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "fleet/inventory/utilization.h"

namespace tessera::fleet::alerts {
namespace {

using gpu::Reading;
using Value = std::optional<double>;

// Six deviations are 15 °C, and three tenths of the power limit, at least.
constexpr Usual kTemperatures{.at_least = 5, .least_spread = 2.5}, kMedian{.at_least = 5};
constexpr Usual kPowers{.at_least = 5, .least_spread = 0.05};
// Of the median of those that are alike. A board that draws a quarter more is, of 60 °C above the air, 15 °C hotter for
// that alone.
constexpr double kAsMuchPower = 1.25;
constexpr double kLowClock = 0.9;  ///< of what is usual

// NVML's nvmlClocksEventReason bits.
constexpr std::uint64_t kThermal = 0x40 | 0x20, kBrake = 0x80;

Value ratio(Value part, Value whole) { return part && whole && *whole > 0 ? Value(*part / *whole) : std::nullopt; }

Value slowdown_margin(const Device& device) {
  const auto now = device.readings[Reading::TemperatureCelsius],
             most = device.readings[Reading::SlowdownTemperatureCelsius];
  return now && most ? Value(*most - *now) : std::nullopt;
}

Value percent(const Device& device) {
  if (is_cut(device)) return std::nullopt;
  if (const auto told = device.readings[Reading::GpuUtilPercent]) return told;
  const auto busy = activity(device.readings);
  return busy ? Value(100 * *busy) : std::nullopt;
}

Value mig_utilization(const Device& device) {
  if (device.instances.empty()) return std::nullopt;
  UtilizationSum sum;
  sum.add(device);
  const auto mean = sum.allocated();
  return mean ? Value(mean->ratio) : std::nullopt;
}

template <Reading kReading>
Value reading(const Device& device) {
  return device.readings[kReading];
}

template <std::uint64_t kBits>
Value held_down_by(const Device& device) {
  return held_down(device, kBits);
}

Value not_answering(const Device& device) { return device.up ? Value(*device.up ? 0 : 1) : std::nullopt; }

constexpr struct {
  Signal signal;
  Value (*of)(const Device&);
} kTold[] = {{Signal::TemperatureCelsius, reading<Reading::TemperatureCelsius>},
             {Signal::SlowdownMarginCelsius, slowdown_margin},
             {Signal::UtilizationPercent, percent},
             {Signal::MigUtilizationRatio, mig_utilization},
             {Signal::PowerLimitRatio, power_of_limit},
             {Signal::EccUncorrected, reading<Reading::EccUncorrectedVolatileTotal>},
             {Signal::RowRemapFailed, reading<Reading::RowRemapFailure>},
             {Signal::ThermalThrottling, held_down_by<kThermal>},
             {Signal::PowerBrake, held_down_by<kBrake>}};

constexpr std::pair<Signal, Blame> kXids[] = {{Signal::DeviceXids, Blame::Device},
                                              {Signal::ApplicationXids, Blame::Application},
                                              {Signal::OtherXids, Blame::Unknown}};

/// Of what programs can have: as DCGM's FB_USED_PERCENT.
Value memory_used(const gpu::Readings& readings) {
  const auto used = readings[Reading::MemoryUsedBytes], free = readings[Reading::MemoryFreeBytes];
  if (used && free) return ratio(used, *used + *free);
  const auto total = readings[Reading::MemoryTotalBytes], reserved = readings[Reading::MemoryReservedBytes];
  return used && total && reserved ? ratio(used, *total - *reserved) : std::nullopt;
}

/// Those that came before it fell silent are known.
void observe_xids(const DeviceSight& sight, const std::shared_ptr<const Subject>& subject, const XidCounts& xids,
                  Round& round) {
  const bool heard = sight.device.presence == Presence::Present;
  const bool tells = sight.device.readings[Reading::XidLast] || !sight.device.xids.empty();
  if (heard && !tells) return;
  for (const auto& [signal, blame] : kXids)
    round.observations.push_back(
        {signal, subject, sight.now, tells ? xids.of(sight.node, sight.device, blame) : std::nullopt});
}

void observe_parts(const DeviceSight& sight, Round& round) {
  for (const DevicePart& part : parts_of(sight.device)) {
    const auto subject = std::make_shared<const Subject>(
        Subject{device_key(sight.node, sight.device) + part_name(part.part), device_key(sight.node, sight.device),
                part_labels(sight.node, sight.device, part.part)});
    const bool heard = sight.device.presence == Presence::Present;
    const Value used = heard ? memory_used(*part.readings) : std::nullopt;
    if (used || !heard) round.observations.push_back({Signal::MemoryUsedRatio, subject, sight.device.last_seen, used});
  }
}

}  // namespace

Value utilization_of(const Device& device) {
  if (is_cut(device)) {
    UtilizationSum sum;
    sum.add(device);
    const auto mean = sum.device();
    return mean ? Value(mean->ratio) : std::nullopt;
  }
  return activity(device.readings);
}

Value power_of_limit(const Device& device) {
  return ratio(device.readings[Reading::PowerWatts], device.readings[Reading::PowerLimitWatts]);
}

Value held_down(const Device& device, std::uint64_t bits) {
  const auto reasons = device.readings[Reading::ClocksEventReasons];
  if (!reasons || !(*reasons >= 0 && *reasons < 1e15)) return std::nullopt;
  return (static_cast<std::uint64_t>(*reasons) & bits) != 0 ? 1 : 0;
}

bool clocks_are_low(const Device& device, std::optional<double> usual_mhz) {
  if (held_down(device, kHeldDown).value_or(0) > 0) return true;
  const auto mhz = device.readings[Reading::SmClockMhz];
  return mhz && usual_mhz && *mhz < kLowClock * *usual_mhz;
}

std::string node_key(const Node& node) { return node.cluster + '/' + node.name; }

std::string device_key(const Node& node, const Device& device) { return node.cluster + '/' + device.facts->uuid; }

LabelSet device_labels(const Node& node, const Device& device) {
  return {{"cluster", node.cluster},
          {"device_id", device_id(node.name, device.facts->index)},
          {"gpu", std::to_string(device.facts->index)},
          {"model", model_key_of(device.facts->name)},
          {"node", node.name},
          {"uuid", device.facts->uuid}};
}

LabelSet part_labels(const Node& node, const Device& device, const Part& part) {
  LabelSet out = device_labels(node, device);
  if (part.gpu_instance) out.emplace_back("gpu_instance", std::to_string(*part.gpu_instance));
  if (part.compute_instance) out.emplace_back("compute_instance", std::to_string(*part.compute_instance));
  if (const auto profile = profile_of(device, part); !profile.empty()) out.emplace_back("profile", profile);
  std::ranges::sort(out);
  return out;
}

std::optional<Neighbours::Alike> Neighbours::alike(const Device& device) {
  const auto busy = utilization_of(device);
  if (device.presence != Presence::Present || !busy || (*busy >= kIdle && *busy < kBusy)) return std::nullopt;
  return Alike(model_key_of(device.facts->name), *busy >= kBusy);
}

Neighbours::Neighbours(const View& view, const OwnPast& past) : throttling_(view, past) {
  struct Told {
    std::vector<double> celsius, watts;
  };
  struct Worked {
    std::vector<double> of_limit, mhz;
  };
  std::map<Alike, Told> told;
  std::map<std::string, Worked> worked;
  for (const auto& node : view.nodes)
    for (const Device& device : node->devices) {
      const auto of = alike(device);
      if (!of) continue;
      const auto celsius = device.readings[Reading::TemperatureCelsius], watts = device.readings[Reading::PowerWatts];
      if (celsius) told[*of].celsius.push_back(*celsius);
      if (celsius && watts) told[*of].watts.push_back(*watts);
      if (*utilization_of(device) < kBusyAllTheTime) continue;
      Worked& model = worked[of->first];
      if (const auto power = power_of_limit(device)) model.of_limit.push_back(*power);
      if (const auto mhz = device.readings[Reading::SmClockMhz]) model.mhz.push_back(*mhz);
    }
  for (auto& [of, values] : told) {
    const auto celsius = centre_of(std::move(values.celsius), kTemperatures);
    const auto watts = centre_of(std::move(values.watts), kMedian);
    if (celsius && watts) heat_[of] = {*celsius, watts->median};
  }
  for (auto& [model, values] : worked) {
    const auto mhz = centre_of(std::move(values.mhz), kMedian);
    power_[model] = {centre_of(std::move(values.of_limit), kPowers), mhz ? Value(mhz->median) : std::nullopt};
  }
}

std::optional<double> Neighbours::temperature_deviation(const Device& device) const {
  const auto celsius = device.readings[Reading::TemperatureCelsius], watts = device.readings[Reading::PowerWatts];
  const auto of = alike(device);
  if (!celsius || !watts || !of) return std::nullopt;
  const auto found = heat_.find(*of);
  if (found == heat_.end() || *watts > kAsMuchPower * found->second.watts) return std::nullopt;
  return found->second.celsius.deviation(*celsius);
}

std::optional<double> Neighbours::power_deviation(const Device& device) const {
  const auto power = power_of_limit(device), busy = utilization_of(device);
  if (!power || !busy || *busy < kBusyAllTheTime) return std::nullopt;
  const auto found = power_.find(model_key_of(device.facts->name));
  if (found == power_.end() || !found->second.of_limit || !clocks_are_low(device, found->second.usual_mhz))
    return std::nullopt;
  return found->second.of_limit->deviation(*power);
}

XidCounts::XidCounts(std::optional<std::span<const XidsSeen>> xids) : known_(xids.has_value()) {
  if (!xids) return;
  for (const XidsSeen& one : *xids)
    events_[{one.cluster + '/' + one.device_uuid, xid_of(one.code).blame}] += one.events;
}

Value XidCounts::of(const Node& node, const Device& device, Blame blame) const {
  if (!known_) return std::nullopt;
  const auto found = events_.find({device_key(node, device), blame});
  return found == events_.end() ? 0 : static_cast<double>(found->second);
}

void observe_device(const DeviceSight& sight, const Neighbours& neighbours, const XidCounts& xids, const OwnPast& own,
                    Round& round) {
  const Device& device = sight.device;
  const std::string key = device_key(sight.node, device);
  const auto subject = std::make_shared<const Subject>(Subject{key, key, device_labels(sight.node, device)});
  const bool heard = device.presence == Presence::Present;
  const auto tell = [&](Signal signal, Value value, bool silent = false) {
    if (value || !heard || silent) round.observations.push_back({signal, subject, device.last_seen, value});
  };
  for (const auto& [signal, of] : kTold) tell(signal, heard ? of(device) : std::nullopt);
  tell(Signal::DeviceNotAnswering, heard ? not_answering(device) : std::nullopt, sight.agent_away);
  tell(Signal::NeighbourTemperatureDeviation, heard ? neighbours.temperature_deviation(device) : std::nullopt);
  tell(Signal::NeighbourPowerDeviation, heard ? neighbours.power_deviation(device) : std::nullopt);
  neighbours.throttling().observe(device, key, subject, round);
  own.observe(device, key, subject, round);
  observe_xids(sight, subject, xids, round);
  Value missing;
  if (heard) missing = 0;
  if (sight.node_is_heard && device.presence == Presence::Missing) missing = 1;
  round.observations.push_back({Signal::DeviceMissing, subject, sight.now, missing});
  observe_parts(sight, round);
}

}  // namespace tessera::fleet::alerts
