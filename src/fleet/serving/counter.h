#pragma once
// How much a counter has grown over the last minutes. Pure; no allocation.
#include <array>
#include <cstdint>
#include <optional>

#include "base/duration.h"

namespace tessera::fleet {

struct Increase {
  double amount = 0;
  double seconds = 0;
};

class WindowCounter {
 public:
  static constexpr EpochMs kWindow = 300'000;

  /// In the order of time. A value below the last one is that of a counter that began anew.
  void add(EpochMs time, double value);

  /// From the first sample of the last kWindow to the last sample; absent with fewer than two in it. What a counter
  /// held when it was first seen is no increase: nobody knows when that was.
  std::optional<Increase> increase() const;

 private:
  static constexpr std::size_t kPoints = 6;
  static constexpr EpochMs kStep = kWindow / (kPoints - 1);

  double value_ = 0;  ///< the last one
  double total_ = 0;  ///< all increases
  EpochMs time_ = 0;
  std::array<EpochMs, kPoints> times_{};  ///< each at least kStep after the one before; a ring
  std::array<double, kPoints> totals_{};
  std::uint8_t count_ = 0, next_ = 0;
};

}  // namespace tessera::fleet
