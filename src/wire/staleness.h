#pragma once
// The two NaNs that have a meaning on the wire. They differ in bits only: compare bits, never values, and copy them as
// a double or as an integer but never through arithmetic or a float, which may quieten the marker.
#include <bit>
#include <cstdint>
#include <limits>

namespace tessera::wire {

static_assert(std::numeric_limits<double>::is_iec559);

/// "This series has ended": what a reader sees as no value from here on. A signalling NaN.
inline constexpr std::uint64_t kStaleBits = 0x7ff0000000000002;

/// An ordinary NaN, as an exposed `NaN` goes out.
inline constexpr std::uint64_t kNanBits = 0x7ff8000000000001;

inline double stale_marker() { return std::bit_cast<double>(kStaleBits); }
inline double plain_nan() { return std::bit_cast<double>(kNanBits); }
inline bool is_stale(double value) { return std::bit_cast<std::uint64_t>(value) == kStaleBits; }

}  // namespace tessera::wire
