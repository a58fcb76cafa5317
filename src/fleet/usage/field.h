#pragma once
// The values that are kept over time, and how: as integers, so that sums of sums are exact.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gpu/reading.h"

namespace tessera::fleet {

enum class Field : std::uint8_t { Utilization, MemoryUsed, Power, Temperature, SmActive, TensorActive, DramActive };
inline constexpr std::size_t kFields = 7;

struct FieldRow {
  std::string_view column;  ///< in the database: util_sum
  double scale;             ///< a kept integer is the value times this
  bool has_max;             ///< whether the largest value is kept too
};
inline constexpr std::array<FieldRow, kFields> kFieldRows = {{
    {"util", 10'000, true},             // of a ratio
    {"memory", 1.0 / (1 << 20), true},  // bytes in MiB, as drivers tell them
    {"power", 10, true},                // watts
    {"temperature", 10, true},          // degrees Celsius
    {"sm", 10'000, false},
    {"tensor", 10'000, false},
    {"dram", 10'000, false},
}};

/// The field that a reading tells; Utilization has two, of which the graphics engine's is the better.
constexpr std::optional<Field> field_of(gpu::Reading reading) {
  using gpu::Reading;
  switch (reading) {
    case Reading::GraphicsEngineActiveRatio:
    case Reading::GpuUtilPercent:
      return Field::Utilization;
    case Reading::MemoryUsedBytes:
      return Field::MemoryUsed;
    case Reading::PowerWatts:
      return Field::Power;
    case Reading::TemperatureCelsius:
      return Field::Temperature;
    case Reading::SmActiveRatio:
      return Field::SmActive;
    case Reading::TensorActiveRatio:
      return Field::TensorActive;
    case Reading::DramActiveRatio:
      return Field::DramActive;
    default:
      return std::nullopt;
  }
}

}  // namespace tessera::fleet
