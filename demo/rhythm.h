#pragma once
// The rhythm of people's days and weeks, as the made-up past has it.
#include <cstddef>

#include "base/duration.h"

namespace tessera::demo {

inline constexpr EpochMs kHour = 3'600'000, kDay = 24 * kHour;

struct When {
  double hour = 0;  ///< of the day
  bool weekend = false;
  int day = 0;       ///< of the past
  double noise = 0;  ///< -1 to 1, another one each hour
};
When when_of(EpochMs time, int day);

/// 0 by night, 1 in the afternoon.
double daytime(const When& when);
bool is_working(const When& when);

/// -1 to 1: the same for the same hour and device.
double noise(EpochMs time, std::size_t device);

}  // namespace tessera::demo
