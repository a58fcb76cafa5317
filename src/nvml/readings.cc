#include "nvml/readings.h"

#include <limits>
#include <type_traits>

#include "nvml/codes.h"

namespace tessera::nvml {
namespace {

using gpu::Reading;

struct Answer {
  abi::Return code;
  double value;
};

/// Calls Return f(Device, kArguments..., Out*). All ones is the driver's mark for "no value".
template <class Out, auto kFunction, auto... kArguments>
Answer scalar(const Api& api, abi::Device device) {
  if (!(api.*kFunction)) return {abi::kFunctionNotFound, 0};
  Out out{};
  abi::Return code = (api.*kFunction)(device, kArguments..., &out);
  if (code == abi::kSuccess && std::is_unsigned_v<Out> && out == std::numeric_limits<Out>::max()) code = abi::kNoData;
  return {code, static_cast<double>(out)};
}

Answer gpu_utilization(const Api& api, abi::Device device, unsigned abi::Utilization::* part) {
  if (!api.nvmlDeviceGetUtilizationRates) return {abi::kFunctionNotFound, 0};
  abi::Utilization out{};
  abi::Return code = api.nvmlDeviceGetUtilizationRates(device, &out);
  if (code == abi::kSuccess && out.*part == ~0U) code = abi::kNoData;
  return {code, static_cast<double>(out.*part)};
}

template <auto kFunction>
Answer codec_utilization(const Api& api, abi::Device device) {
  if (!(api.*kFunction)) return {abi::kFunctionNotFound, 0};
  unsigned percent = 0;
  unsigned period_us = 0;
  const abi::Return code = (api.*kFunction)(device, &percent, &period_us);
  return {code, static_cast<double>(percent)};
}

Answer temperature(const Api& api, abi::Device device) {
  if (api.nvmlDeviceGetTemperatureV) {
    auto out = abi::versioned<abi::Temperature>();
    out.sensorType = abi::kTemperatureGpu;
    const abi::Return code = api.nvmlDeviceGetTemperatureV(device, &out);
    if (!is_absent(code)) return {code, static_cast<double>(out.temperature)};
  }
  return scalar<abi::u32, &Api::nvmlDeviceGetTemperature, abi::kTemperatureGpu>(api, device);
}

/// Bits that the board does not support mean nothing, so they are masked away.
Answer clocks_reasons(const Api& api, abi::Device device) {
  const auto current = api.nvmlDeviceGetCurrentClocksEventReasons ? api.nvmlDeviceGetCurrentClocksEventReasons
                                                                  : api.nvmlDeviceGetCurrentClocksThrottleReasons;
  const auto supported = api.nvmlDeviceGetSupportedClocksEventReasons ? api.nvmlDeviceGetSupportedClocksEventReasons
                                                                      : api.nvmlDeviceGetSupportedClocksThrottleReasons;
  if (!current) return {abi::kFunctionNotFound, 0};
  abi::u64 reasons = 0;
  const abi::Return code = current(device, &reasons);
  abi::u64 mask = 0;
  if (code == abi::kSuccess && supported && supported(device, &mask) == abi::kSuccess) reasons &= mask;
  return {code, static_cast<double>(reasons)};
}

struct Row {
  Call call;
  Reading reading;
  double divisor;  ///< a factor of 0.001 would make 476585 mW 476.58500000000004 W
  double most;     ///< what is above is not believed
  bool in_mig_mode;
  Answer (*ask)(const Api&, abi::Device);
};

constexpr double kAny = std::numeric_limits<double>::max();
constexpr bool kAlways = true;
constexpr bool kNotInMigMode = false;

constexpr Row kRows[] = {
    {Call::SmClock, Reading::SmClockMhz, 1, kAny, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetClockInfo, abi::kClockSm>},
    {Call::MemoryClock, Reading::MemoryClockMhz, 1, kAny, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetClockInfo, abi::kClockMemory>},
    {Call::VideoClock, Reading::VideoClockMhz, 1, kAny, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetClockInfo, abi::kClockVideo>},
    {Call::Power, Reading::PowerWatts, 1000, kAny, kAlways, scalar<abi::u32, &Api::nvmlDeviceGetPowerUsage>},
    {Call::PowerLimit, Reading::PowerLimitWatts, 1000, kAny, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetEnforcedPowerLimit>},
    {Call::Energy, Reading::EnergyMillijoulesTotal, 1, kAny, kAlways,
     scalar<abi::u64, &Api::nvmlDeviceGetTotalEnergyConsumption>},
    {Call::PerformanceState, Reading::PerformanceState, 1, 15, kAlways,
     scalar<int, &Api::nvmlDeviceGetPerformanceState>},
    {Call::Temperature, Reading::TemperatureCelsius, 1, 200, kAlways, temperature},
    {Call::SlowdownTemperature, Reading::SlowdownTemperatureCelsius, 1, 200, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetTemperatureThreshold, abi::kThresholdSlowdown>},
    {Call::Fan, Reading::FanPercent, 1, 1000, kAlways, scalar<abi::u32, &Api::nvmlDeviceGetFanSpeed>},
    {Call::Utilization, Reading::GpuUtilPercent, 1, 100, kNotInMigMode,
     [](const Api& api, abi::Device device) { return gpu_utilization(api, device, &abi::Utilization::gpu); }},
    {Call::Utilization, Reading::MemoryCopyUtilPercent, 1, 100, kNotInMigMode,
     [](const Api& api, abi::Device device) { return gpu_utilization(api, device, &abi::Utilization::memory); }},
    {Call::Encoder, Reading::EncoderUtilPercent, 1, 100, kNotInMigMode,
     codec_utilization<&Api::nvmlDeviceGetEncoderUtilization>},
    {Call::Decoder, Reading::DecoderUtilPercent, 1, 100, kNotInMigMode,
     codec_utilization<&Api::nvmlDeviceGetDecoderUtilization>},
    {Call::PcieReplay, Reading::PcieReplaysTotal, 1, kAny, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetPcieReplayCounter>},
    {Call::PcieGeneration, Reading::PcieLinkGeneration, 1, kAny, kAlways,
     scalar<abi::u32, &Api::nvmlDeviceGetCurrPcieLinkGeneration>},
    {Call::PcieWidth, Reading::PcieLinkWidth, 1, kAny, kAlways, scalar<abi::u32, &Api::nvmlDeviceGetCurrPcieLinkWidth>},
    {Call::ClocksReasons, Reading::ClocksEventReasons, 1, kAny, kAlways, clocks_reasons},
};

}  // namespace

void read_scalars(Asking& asking, bool mig_enabled, gpu::Readings& out) {
  for (const Row& row : kRows) {
    if (mig_enabled && !row.in_mig_mode) continue;
    if (!asking.may_ask(row.call, true)) continue;
    const Answer answer = row.ask(asking.api, asking.handle);
    if (!asking.note(row.call, answer.code)) continue;
    if (answer.value >= 0 && answer.value <= row.most) out.set(row.reading, answer.value / row.divisor);
  }
}

void read_memory(Asking& asking, Call newer, Call older, gpu::Readings& out) {
  auto v2 = abi::versioned<abi::MemoryV2>();
  if (asking.ask(newer, asking.api.nvmlDeviceGetMemoryInfo_v2, &v2)) {
    if (v2.total == abi::kNoValue64) return;
    out.set(Reading::MemoryTotalBytes, static_cast<double>(v2.total));
    out.set(Reading::MemoryReservedBytes, static_cast<double>(v2.reserved));
    out.set(Reading::MemoryFreeBytes, static_cast<double>(v2.free));
    out.set(Reading::MemoryUsedBytes, static_cast<double>(v2.used));
    return;
  }
  abi::Memory v1{};
  if (!asking.ask(older, asking.api.nvmlDeviceGetMemoryInfo, &v1) || v1.total == abi::kNoValue64) return;
  out.set(Reading::MemoryTotalBytes, static_cast<double>(v1.total));
  out.set(Reading::MemoryFreeBytes, static_cast<double>(v1.free));
  out.set(Reading::MemoryUsedBytes, static_cast<double>(v1.used));
}

}  // namespace tessera::nvml
