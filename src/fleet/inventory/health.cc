#include "fleet/inventory/health.h"

#include <algorithm>

namespace tessera::fleet {
namespace {

using gpu::Reading;

bool is_set(const Device& device, Reading reading) { return device.readings[reading].value_or(0) > 0; }

/// XIDs after which NVIDIA's catalogue has the GPU reset or taken out; the others are mostly a program's own fault.
bool last_xid_is(const Device& device, std::initializer_list<int> codes) {
  const auto of = [&](const gpu::Readings& readings) {
    return std::ranges::find(codes, static_cast<int>(readings[Reading::XidLast].value_or(0))) != codes.end();
  };
  return of(device.readings) ||
         std::ranges::any_of(device.instances, [&](const Instance& instance) { return of(instance.readings); });
}

bool throttled(const Device& device, unsigned bits) {
  return (static_cast<std::uint64_t>(device.readings[Reading::ClocksEventReasons].value_or(0)) & bits) != 0;
}

struct Rule {
  Problem problem;
  bool (*holds)(const Device&);
};

// NVML's nvmlClocksEventReason bits.
constexpr unsigned kHardwareThermal = 0x40;
constexpr unsigned kPowerBrake = 0x80;
constexpr unsigned kSoftwareThermal = 0x20;

constexpr Rule kRules[] = {
    {{"missing", Severity::Critical, "nothing has been heard of it for a long time",
      "look whether its node and the agent there still run"},
     [](const Device& d) { return d.presence == Presence::Missing; }},
    {{"not_answering", Severity::Critical, "the driver does not answer for it",
      "look for an Xid in the node's dmesg; reset the GPU or reboot the node"},
     [](const Device& d) { return d.up == false; }},
    {{"row_remap_failure", Severity::Critical, "a memory row could not be remapped", "replace the board"},
     [](const Device& d) { return is_set(d, Reading::RowRemapFailure); }},
    {{"fatal_xid", Severity::Critical, "the last Xid is one after which the GPU is not to be used",
      "drain the node, reset the GPU, and run its diagnostics"},
     [](const Device& d) { return last_xid_is(d, {48, 62, 64, 74, 79, 95, 119, 120, 140}); }},
    {{"ecc_uncorrected", Severity::Warning, "uncorrected memory errors since the driver was loaded",
      "reset the GPU when it is free; run its diagnostics if they come back"},
     [](const Device& d) { return is_set(d, Reading::EccUncorrectedVolatileTotal); }},
    {{"row_remap_pending", Severity::Warning, "remapped memory rows wait for a reset", "reset the GPU when it is free"},
     [](const Device& d) { return is_set(d, Reading::RowRemapPending); }},
    {{"retired_pages_pending", Severity::Warning, "retired memory pages wait for a reboot",
      "reboot the node when it is free"},
     [](const Device& d) { return is_set(d, Reading::RetiredPagesPending); }},
    {{"thermal_slowdown", Severity::Warning, "heat holds its clocks down", "look at fans, air flow and the room"},
     [](const Device& d) { return throttled(d, kHardwareThermal | kSoftwareThermal); }},
    {{"power_brake", Severity::Warning, "the power supply holds its clocks down", "look at the node's power supplies"},
     [](const Device& d) { return throttled(d, kPowerBrake); }},
    {{"mig_pending", Severity::Info, "another MIG mode waits for a reset", "reset the GPU when it is free"},
     [](const Device& d) { return d.facts->mig_pending.has_value(); }},
    {{"rows_remapped", Severity::Info, "memory rows were remapped for uncorrected errors",
      "nothing now; a growing number announces a failure"},
     [](const Device& d) { return is_set(d, Reading::RemappedRowsUncorrectable); }},
};

}  // namespace

std::string_view severity_name(Severity severity) {
  constexpr std::string_view kNames[] = {"info", "warning", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

std::vector<Problem> problems_of(const Device& device) {
  std::vector<Problem> out;
  if (device.presence == Presence::Retired) return out;
  for (const Rule& rule : kRules)
    if (rule.holds(device)) out.push_back(rule.problem);
  return out;  // the rules stand by severity
}

std::string_view health_word(const Device& device) {
  if (device.presence == Presence::Stale) return "unknown";
  const auto problems = problems_of(device);
  return problems.empty() ? "ok" : severity_name(problems.front().severity);
}

}  // namespace tessera::fleet
