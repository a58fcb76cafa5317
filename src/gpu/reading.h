#pragma once
// The numbers that a device or an instance can report, each with its unit. Absent on this board means absent: never 0.
#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace tessera::gpu {

/// One number about one device or instance. The unit is the name's last word. "total" counts since the driver was
/// loaded.
enum class Reading : std::uint8_t {
  SmClockMhz,
  MemoryClockMhz,
  VideoClockMhz,
  PowerWatts,
  PowerLimitWatts,
  EnergyMillijoulesTotal,
  PerformanceState,  ///< 0 (fastest) to 15
  TemperatureCelsius,
  MemoryTemperatureCelsius,
  SlowdownTemperatureCelsius,
  FanPercent,
  GpuUtilPercent,  ///< share of time with any kernel running; absent in MIG mode
  MemoryCopyUtilPercent,
  EncoderUtilPercent,
  DecoderUtilPercent,
  PcieTxBytesPerSecond,
  PcieRxBytesPerSecond,
  PcieReplaysTotal,
  PcieLinkGeneration,
  PcieLinkWidth,
  MemoryTotalBytes,
  MemoryFreeBytes,
  MemoryUsedBytes,  ///< without what the driver reserves
  MemoryReservedBytes,
  EccCorrectedVolatileTotal,
  EccUncorrectedVolatileTotal,
  EccCorrectedAggregateTotal,
  EccUncorrectedAggregateTotal,
  RetiredPagesCorrected,
  RetiredPagesUncorrected,
  RetiredPagesPending,  ///< 0 or 1
  RemappedRowsCorrectable,
  RemappedRowsUncorrectable,
  RowRemapPending,     ///< 0 or 1
  RowRemapFailure,     ///< 0 or 1
  XidLast,             ///< code of the last XID event seen, 0 before any
  ClocksEventReasons,  ///< bit mask, NVML's bits
  PowerViolationNanosecondsTotal,
  ThermalViolationNanosecondsTotal,
  SyncBoostViolationNanosecondsTotal,
  BoardLimitViolationNanosecondsTotal,
  LowUtilViolationNanosecondsTotal,
  ReliabilityViolationNanosecondsTotal,
  NvlinkMegabytesPerSecond,
  NvlinkTxBytesPerSecond,
  NvlinkRxBytesPerSecond,
  GraphicsEngineActiveRatio,  ///< 0..1, of the device or of the GPU instance
  SmActiveRatio,
  SmOccupancyRatio,
  TensorActiveRatio,
  DramActiveRatio,
  Fp64ActiveRatio,
  Fp32ActiveRatio,
  Fp16ActiveRatio,
  kCount
};
inline constexpr std::size_t kReadingCount = static_cast<std::size_t>(Reading::kCount);

/// The readings of one subject at one time.
class Readings {
 public:
  void set(Reading reading, double value) {
    values_[index(reading)] = value;
    present_.set(index(reading));
  }
  void clear(Reading reading) { present_.reset(index(reading)); }
  std::optional<double> operator[](Reading reading) const {
    if (!present_.test(index(reading))) return std::nullopt;
    return values_[index(reading)];
  }
  bool operator==(const Readings&) const = default;

 private:
  static constexpr std::size_t index(Reading reading) { return static_cast<std::size_t>(reading); }
  std::array<double, kReadingCount> values_{};
  std::bitset<kReadingCount> present_;
};

}  // namespace tessera::gpu
