#pragma once
// The numbers that a device or an instance can report, each with its unit. Absent on this board means absent: never 0.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

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

/// A value for some of the readings. Takes room for those alone: an instance has a quarter of what a device has.
template <class T>
class ByReading {
 public:
  void set(Reading reading, T value) {
    const auto place = values_.begin() + place_of(reading);
    if (has(reading)) {
      *place = value;
      return;
    }
    values_.insert(place, value);
    present_ |= bit(reading);
  }
  void clear(Reading reading) {
    if (!has(reading)) return;
    values_.erase(values_.begin() + place_of(reading));
    present_ &= ~bit(reading);
  }
  std::optional<T> operator[](Reading reading) const {
    if (!has(reading)) return std::nullopt;
    return values_[static_cast<std::size_t>(place_of(reading))];
  }
  bool operator==(const ByReading&) const = default;

 private:
  static_assert(kReadingCount <= 64);
  static constexpr std::uint64_t bit(Reading reading) { return std::uint64_t{1} << static_cast<unsigned>(reading); }
  bool has(Reading reading) const { return (present_ & bit(reading)) != 0; }
  /// How many of those before it are there.
  std::ptrdiff_t place_of(Reading reading) const { return std::popcount(present_ & (bit(reading) - 1)); }

  std::uint64_t present_ = 0;
  std::vector<T> values_;  ///< of those present, in their order
};

/// The readings of one subject at one time.
using Readings = ByReading<double>;

}  // namespace tessera::gpu
