#include "demo/rhythm.h"

#include <cmath>
#include <cstdint>
#include <numbers>

namespace tessera::demo {

When when_of(EpochMs time, int day) {
  When out;
  out.hour = static_cast<double>(time % kDay) / static_cast<double>(kHour);
  const EpochMs weekday = (time / kDay + 4) % 7;  // 0: Sunday
  out.weekend = weekday == 0 || weekday == 6;
  out.day = day;
  return out;
}

double daytime(const When& when) { return 0.5 - 0.5 * std::cos((when.hour - 3) / 12 * std::numbers::pi); }

bool is_working(const When& when) { return !when.weekend && when.hour >= 8 && when.hour < 19; }

double noise(EpochMs time, std::size_t device) {
  auto mixed = (static_cast<std::uint64_t>(time / kHour) + 1) * 0x9E3779B97F4A7C15ULL + device * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 30U)) * 0x94D049BB133111EBULL;
  return static_cast<double>(mixed >> 40U) / static_cast<double>(1ULL << 23U) - 1;
}

}  // namespace tessera::demo
