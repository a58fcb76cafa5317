#include "fleet/inventory/health.h"

#include <algorithm>
#include <array>

#include "fleet/inventory/xids.h"

namespace tessera::fleet {
namespace {

using gpu::Reading;

bool is_set(const Device& device, Reading reading) { return device.readings[reading].value_or(0) > 0; }

/// The code of the last XID where it is the device's fault.
std::optional<double> fatal_xid(const Device& device) {
  const auto of = [](const gpu::Readings& readings) -> std::optional<double> {
    const auto code = readings[Reading::XidLast];
    if (!code || !(*code >= 0 && *code < 1e6)) return std::nullopt;
    return xid_of(static_cast<unsigned>(*code)).blame == Blame::Device ? code : std::nullopt;
  };
  if (const auto own = of(device.readings)) return own;
  for (const Instance& instance : device.instances)
    if (const auto its = of(instance.readings)) return its;
  return std::nullopt;
}

bool throttled(const Device& device, unsigned bits) {
  return (static_cast<std::uint64_t>(device.readings[Reading::ClocksEventReasons].value_or(0)) & bits) != 0;
}

/// The driver's own word, or what is as good: a board at its limit swings by a little.
bool is_at_power_limit(const Device& device) {
  constexpr double kAtLimit = 0.98;
  constexpr unsigned kPowerCap = 0x4;
  const auto limit = device.readings[Reading::PowerLimitWatts];
  const auto power = device.readings[Reading::PowerWatts];
  return throttled(device, kPowerCap) || (limit && power && *limit > 0 && *power >= kAtLimit * *limit);
}

bool has_narrow_link(const Device& device) {
  const auto width = device.readings[Reading::PcieLinkWidth];
  return width && device.widest_link && *width > 0 && *width < *device.widest_link;
}

using Value = std::optional<double>;

struct Rule {
  Problem problem;
  bool (*holds)(const Device&);
  Value (*value)(const Device&) = nullptr;
};

template <Reading kReading>
Value reading(const Device& device) {
  return device.readings[kReading];
}

// NVML's nvmlClocksEventReason bits.
constexpr unsigned kHardwareSlowdown = 0x8;
constexpr unsigned kHardwareThermal = 0x40;
constexpr unsigned kPowerBrake = 0x80;
constexpr unsigned kSoftwareThermal = 0x20;

/// Of exporters that do not tell what holds the clocks down.
bool is_hot(const Device& device) {
  const auto now = device.readings[Reading::TemperatureCelsius],
             most = device.readings[Reading::SlowdownTemperatureCelsius];
  return now && most && *now >= *most && !throttled(device, kHardwareThermal | kSoftwareThermal);
}

// By severity.
constexpr Rule kRules[] = {
    {{"missing", "silent", Severity::Critical, "nothing has been heard of it for a long time",
      "look whether its node and the agent there still run", ""},
     [](const Device& d) { return d.presence == Presence::Missing; }},
    {{"not_answering", "not_answering", Severity::Critical, "the driver does not answer for it",
      "look for an Xid in the node's dmesg; reset the GPU or reboot the node", ""},
     [](const Device& d) { return d.up == false; }},
    {{"row_remap_failure", "row_remap", Severity::Critical, "a memory row could not be remapped", "replace the board",
      ""},
     [](const Device& d) { return is_set(d, Reading::RowRemapFailure); }},
    {{"fatal_xid", "xid", Severity::Critical, "the last Xid is one after which the GPU is not to be used",
      "drain the node, reset the GPU, and run its diagnostics", "xid"},
     [](const Device& d) { return fatal_xid(d).has_value(); },
     fatal_xid},
    {{"stale", "silent", Severity::Warning, "nothing has been heard of it for more than two intervals",
      "look whether its node, its exporter and who scrapes it still run", ""},
     [](const Device& d) { return d.presence == Presence::Stale; }},
    {{"ecc_uncorrected", "ecc_uncorrected", Severity::Warning, "uncorrected memory errors since the driver was loaded",
      "reset the GPU when it is free; run its diagnostics if they come back", "errors"},
     [](const Device& d) { return is_set(d, Reading::EccUncorrectedVolatileTotal); },
     reading<Reading::EccUncorrectedVolatileTotal>},
    {{"row_remap_pending", "row_remap", Severity::Warning, "remapped memory rows wait for a reset",
      "reset the GPU when it is free", ""},
     [](const Device& d) { return is_set(d, Reading::RowRemapPending); }},
    {{"retired_pages_pending", "retired_pages", Severity::Warning, "retired memory pages wait for a reboot",
      "reboot the node when it is free", ""},
     [](const Device& d) { return is_set(d, Reading::RetiredPagesPending); }},
    {{"thermal_slowdown", "throttling", Severity::Warning, "heat holds its clocks down",
      "look at fans, air flow and the room", "celsius"},
     [](const Device& d) { return throttled(d, kHardwareThermal | kSoftwareThermal); },
     reading<Reading::TemperatureCelsius>},
    {{"hot", "throttling", Severity::Warning, "it is as hot as where it slows itself down",
      "look at fans, air flow and the room", "celsius"},
     is_hot,
     reading<Reading::TemperatureCelsius>},
    {{"power_brake", "throttling", Severity::Warning, "the power supply holds its clocks down",
      "look at the node's power supplies", "watts"},
     [](const Device& d) { return throttled(d, kPowerBrake); },
     reading<Reading::PowerWatts>},
    // The driver sets this bit beside each of the two above.
    {{"hardware_slowdown", "throttling", Severity::Warning, "the hardware holds its clocks down, and does not say why",
      "look at the board's temperature and power, and at the node's power supplies", ""},
     [](const Device& d) { return throttled(d, kHardwareSlowdown) && !throttled(d, kHardwareThermal | kPowerBrake); }},
    {{"narrow_link", "pcie_link", Severity::Warning, "its PCIe link has fewer lanes than it had",
      "reseat the board or its riser when the node is free", "lanes"},
     has_narrow_link,
     reading<Reading::PcieLinkWidth>},
    {{"power_limit", "throttling", Severity::Info, "it runs at its power limit",
      "nothing, if the limit is meant to be as it is", "watts"},
     is_at_power_limit,
     reading<Reading::PowerWatts>},
    {{"mig_pending", "mig_mode", Severity::Info, "another MIG mode waits for a reset", "reset the GPU when it is free",
      ""},
     [](const Device& d) { return d.facts->mig_pending.has_value(); }},
    {{"rows_remapped", "row_remap", Severity::Info, "memory rows were remapped for uncorrected errors",
      "nothing now; a growing number announces a failure", "rows"},
     [](const Device& d) { return is_set(d, Reading::RemappedRowsUncorrectable); },
     reading<Reading::RemappedRowsUncorrectable>},
};

}  // namespace

std::string_view severity_name(Severity severity) {
  constexpr std::string_view kNames[] = {"info", "warning", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::vector<std::string_view> problem_kinds() {
  std::vector<std::string_view> out;
  for (const Rule& rule : kRules)
    if (std::ranges::find(out, rule.problem.kind) == out.end()) out.push_back(rule.problem.kind);
  return out;
}

std::vector<Problem> problems_of(const Device& device) {
  std::vector<Problem> out;
  if (device.presence == Presence::Retired) return out;
  for (const Rule& rule : kRules) {
    if (!rule.holds(device)) continue;
    out.push_back(rule.problem);
    if (rule.value) out.back().value = rule.value(device);
  }
  return out;  // the rules stand by severity
}

std::string_view health_name(Health health) {
  constexpr std::array<std::string_view, kHealths> kNames = {"healthy", "degraded", "unhealthy", "unknown"};
  return kNames[static_cast<std::size_t>(health)];
}

Health health_of(const Device& device) {
  if (device.presence != Presence::Present) return Health::Unknown;
  const auto problems = problems_of(device);
  if (problems.empty() || problems.front().severity == Severity::Info) return Health::Healthy;
  return problems.front().severity == Severity::Critical ? Health::Unhealthy : Health::Degraded;
}

}  // namespace tessera::fleet
