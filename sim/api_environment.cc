// Temperature, fan, power, clocks: the physical device only.
#include <algorithm>
#include <cmath>

#include "sim/environment.h"

using namespace tessera::sim;

namespace {

constexpr int kSlowdownCelsius = 87, kShutdownCelsius = 92, kGpuMaxCelsius = 85, kMemoryMaxCelsius = 95;

int celsius(Call& call, const Target& t) {
  return static_cast<int>(std::lround(call.node.temperature(*call.state, t.gpu, call.now)));
}

u32 fan_percent(Call& call, const Target& t) { return static_cast<u32>(std::clamp(celsius(call, t) - 10, 20, 100)); }

// A u32 that the physical device tells.
template <class Number>
Return number(const char* function, Device device, u32* out, Number value) {
  return on_gpu(function, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    const std::optional<u32> got = value(call, t);
    if (!got) return kNotSupported;
    *out = *got;
    return kSuccess;
  });
}

std::optional<u32> limit_mw(Call&, const Target& t) { return t.spec.model->tdp_watts * 1000; }

std::optional<u32> clock_mhz(const Model& model, int type) {
  constexpr double kVideoShare = 0.85;
  switch (type) {
    case kClockGraphics:
    case kClockSm:
      return model.sm_clock_mhz;
    case kClockMemory:
      return model.memory_clock_mhz;
    case kClockVideo:
      return static_cast<u32>(model.sm_clock_mhz * kVideoShare);
    default:
      return std::nullopt;
  }
}

}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetTemperatureV(Device device, Temperature* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<Temperature>) return kArgumentVersionMismatch;
    if (out->sensorType != kTemperatureGpu) return kInvalidArgument;
    out->temperature = celsius(call, t);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetTemperature(Device device, int sensor, u32* out) {
  if (sensor != kTemperatureGpu) return running_node() ? kInvalidArgument : kUninitialized;
  return number(__func__, device, out, [](Call& call, const Target& t) {
    return std::optional(static_cast<u32>(std::max(celsius(call, t), 0)));
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMarginTemperature(Device device, MarginTemperature* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<MarginTemperature>) return kArgumentVersionMismatch;
    if (!has_thermal_margin(*t.spec.model)) return kNotSupported;
    out->marginTemperature = kSlowdownCelsius - celsius(call, t);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetTemperatureThreshold(Device device, int which, u32* out) {
  return number(__func__, device, out, [&](Call&, const Target& t) -> std::optional<u32> {
    switch (which) {
      case kThresholdShutdown:
        return kShutdownCelsius;
      case kThresholdSlowdown:
        return kSlowdownCelsius;
      case kThresholdMemoryMax:
        return t.spec.model->hbm ? std::optional<u32>(kMemoryMaxCelsius) : std::nullopt;
      case kThresholdGpuMax:
        return kGpuMaxCelsius;
      default:
        return std::nullopt;
    }
  });
}

TESSERA_EXPORT Return nvmlDeviceGetFanSpeed(Device device, u32* out) {
  return number(__func__, device, out, [](Call& call, const Target& t) {
    return t.spec.model->fans > 0 ? std::optional(fan_percent(call, t)) : std::nullopt;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetFanSpeed_v2(Device device, u32 fan, u32* out) {
  return number(__func__, device, out, [&](Call& call, const Target& t) {
    return fan < t.spec.model->fans ? std::optional(fan_percent(call, t)) : std::nullopt;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetNumFans(Device device, u32* out) {
  return number(__func__, device, out, [](Call&, const Target& t) { return std::optional<u32>(t.spec.model->fans); });
}

TESSERA_EXPORT Return nvmlDeviceGetFanSpeedRPM(Device device, FanSpeedInfo* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    if (out->version != kVersionWord<FanSpeedInfo>) return kArgumentVersionMismatch;
    if (out->fan >= t.spec.model->fans) return kNotSupported;
    out->speed = fan_percent(call, t) * 33;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetPowerUsage(Device device, u32* out) {
  return number(__func__, device, out, [](Call& call, const Target& t) {
    return std::optional(static_cast<u32>(std::lround(call.node.power_watts(*call.state, t.gpu, call.now) * 1000)));
  });
}
TESSERA_EXPORT Return nvmlDeviceGetEnforcedPowerLimit(Device device, u32* out) {
  return number(__func__, device, out, limit_mw);
}
TESSERA_EXPORT Return nvmlDeviceGetPowerManagementLimit(Device device, u32* out) {
  return number(__func__, device, out, limit_mw);
}
TESSERA_EXPORT Return nvmlDeviceGetPowerManagementDefaultLimit(Device device, u32* out) {
  return number(__func__, device, out, limit_mw);
}

TESSERA_EXPORT Return nvmlDeviceGetPowerManagementLimitConstraints(Device device, u32* low, u32* high) {
  return on_gpu(__func__, device, [&](Call&, const Target& t) {
    if (!low || !high) return kInvalidArgument;
    *low = t.spec.model->min_watts * 1000;
    *high = t.spec.model->tdp_watts * 1000;
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetTotalEnergyConsumption(Device device, u64* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!has_energy(*t.spec.model)) return kNotSupported;
    if (!out) return kInvalidArgument;
    *out = static_cast<u64>(std::max(call.node.energy_joules(*call.state, t.gpu, call.now), 0.0) * 1000);
    return kSuccess;
  });
}

TESSERA_EXPORT Return nvmlDeviceGetClockInfo(Device device, int type, u32* out) {
  return number(__func__, device, out, [&](Call& call, const Target& t) -> std::optional<u32> {
    const auto top = clock_mhz(*t.spec.model, type);
    constexpr double kIdleShare = 0.2, kThrottledShare = 0.6;
    if (!top || type == kClockMemory) return top;
    const u64 slow = kReasonSwThermal | kReasonHwThermal | kReasonHwPowerBrake | kReasonHwSlowdown;
    const double share = !busy(call, t) ? kIdleShare : t.state.faults.throttle & slow ? kThrottledShare : 1.0;
    return static_cast<u32>(*top * share);
  });
}

TESSERA_EXPORT Return nvmlDeviceGetMaxClockInfo(Device device, int type, u32* out) {
  return number(__func__, device, out, [&](Call&, const Target& t) { return clock_mhz(*t.spec.model, type); });
}

TESSERA_EXPORT Return nvmlDeviceGetPerformanceState(Device device, int* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = busy(call, t) || t.spec.model->data_center ? 0 : 8;
    return kSuccess;
  });
}

namespace {
Return reasons(const char* function, Device device, u64* out) {
  return on_gpu(function, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    *out = clock_reasons(call, t);
    return kSuccess;
  });
}
Return supported_reasons(const char* function, Device device, u64* out) {
  return on_gpu(function, device, [&](Call&, const Target&) {
    if (!out) return kInvalidArgument;
    *out = 0x1FF;
    return kSuccess;
  });
}
}  // namespace

TESSERA_EXPORT Return nvmlDeviceGetCurrentClocksEventReasons(Device device, u64* out) {
  return reasons(__func__, device, out);
}
TESSERA_EXPORT Return nvmlDeviceGetCurrentClocksThrottleReasons(Device device, u64* out) {
  return reasons(__func__, device, out);
}
TESSERA_EXPORT Return nvmlDeviceGetSupportedClocksEventReasons(Device device, u64* out) {
  return supported_reasons(__func__, device, out);
}
TESSERA_EXPORT Return nvmlDeviceGetSupportedClocksThrottleReasons(Device device, u64* out) {
  return supported_reasons(__func__, device, out);
}

TESSERA_EXPORT Return nvmlDeviceGetViolationStatus(Device device, int policy, ViolationTime* out) {
  return on_gpu(__func__, device, [&](Call& call, const Target& t) {
    if (!out) return kInvalidArgument;
    const auto ns = violation_ns(call, t, policy);
    if (!ns) return kInvalidArgument;
    *out = {static_cast<u64>(call.now), *ns};
    return kSuccess;
  });
}
