#pragma once
// What became of one subject in one span of time: sums that may be added up in any order.
#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "fleet/usage/field.h"

namespace tessera::fleet {

struct FieldTotal {
  std::int64_t sum = 0;  ///< integral over the time that it was known: ms times the field's unit
  std::int64_t ms = 0;   ///< that time
  std::int64_t max = 0;
  bool operator==(const FieldTotal&) const = default;
};

struct Totals {
  std::int64_t observed_ms = 0;  ///< how long anything was known
  std::int64_t owned_ms = 0;     ///< how long somebody held or used it
  std::array<FieldTotal, kFields> fields{};

  const FieldTotal& operator[](Field field) const { return fields[static_cast<std::size_t>(field)]; }
  FieldTotal& operator[](Field field) { return fields[static_cast<std::size_t>(field)]; }
  /// In the value's own unit; absent where it was never known.
  std::optional<double> mean(Field field) const {
    const FieldTotal& of = (*this)[field];
    if (of.ms <= 0) return std::nullopt;
    return static_cast<double>(of.sum) / static_cast<double>(of.ms) / kFieldRows[static_cast<std::size_t>(field)].scale;
  }
  std::optional<double> max(Field field) const {
    const FieldTotal& of = (*this)[field];
    if (of.ms <= 0) return std::nullopt;
    return static_cast<double>(of.max) / kFieldRows[static_cast<std::size_t>(field)].scale;
  }
  void add(const Totals& other) {
    observed_ms += other.observed_ms;
    owned_ms += other.owned_ms;
    for (std::size_t i = 0; i < kFields; ++i) {
      fields[i].sum += other.fields[i].sum;
      fields[i].ms += other.fields[i].ms;
      fields[i].max = std::max(fields[i].max, other.fields[i].max);
    }
  }
  bool operator==(const Totals&) const = default;
};

}  // namespace tessera::fleet
