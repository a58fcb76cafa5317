#include "sim/environment.h"

#include <algorithm>

namespace tessera::sim {
namespace {

constexpr double kBusyAbove = 1, kPowerCappedAbove = 95;  // percent
constexpr u64 kThermalBits = kReasonSwThermal | kReasonHwThermal;
constexpr u64 kPowerBits = kReasonSwPowerCap | kReasonHwPowerBrake;

}  // namespace

bool busy(Call& call, const Target& t) { return call.node.load(*call.state, t.gpu, nullptr, call.now) >= kBusyAbove; }

u64 clock_reasons(Call& call, const Target& t) {
  u64 bits = t.state.faults.throttle;
  if (bits & (kReasonHwThermal | kReasonHwPowerBrake)) bits |= kReasonHwSlowdown;  // the umbrella of the two
  const double load = call.node.load(*call.state, t.gpu, nullptr, call.now);
  if (load < kBusyAbove) bits |= kReasonIdle;
  if (load > kPowerCappedAbove) bits |= kReasonSwPowerCap;
  return bits;
}

std::optional<u64> violation_ns(Call& call, const Target& t, int policy) {
  const GpuFaults& faults = t.state.faults;
  const auto forced = [&](u64 bits) {
    return faults.throttle & bits ? static_cast<double>(call.now - faults.throttle_since) * 1000 : 0.0;
  };
  switch (policy) {
    case kViolationPower: {
      constexpr double kCappedShare = 0.02;  // of the time under full load
      const double ns = call.node.load_integral(*call.state, t.gpu, nullptr, call.now) / 100 * kCappedShare * 1e9;
      return static_cast<u64>(std::max(ns, 0.0) + t.state.power_ns + forced(kPowerBits));
    }
    case kViolationThermal:
      return static_cast<u64>(t.state.thermal_ns + forced(kThermalBits));
    case kViolationSyncBoost:
    case kViolationBoardLimit:
    case kViolationLowUtilization:
    case kViolationReliability:
    case kViolationAppClocks:
    case kViolationBaseClocks:
      return 0;
    default:
      return std::nullopt;
  }
}

double moved_bytes(Call& call, const Target& t, double mib_per_second) {
  return std::max(call.node.load_integral(*call.state, t.gpu, nullptr, call.now), 0.0) / 100 * mib_per_second * 1048576;
}

std::optional<EccCounts> ecc_counts(const Target& t, int counter_type) {
  if (!t.spec.model->data_center) return std::nullopt;
  const GpuFaults& faults = t.state.faults;
  if (counter_type == kEccVolatile) return EccCounts{faults.sbe_volatile, faults.dbe_volatile};
  return EccCounts{faults.sbe_aggregate, faults.dbe_aggregate};
}

bool remapped_rows_visible(const Target& t) {
  return has_remapped_rows(*t.spec.model) && !(t.state.mig && !t.state.instances.empty());
}

}  // namespace tessera::sim
