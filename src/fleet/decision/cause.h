#pragma once
// What a device fails a need by.
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace tessera::fleet::decision {

/// The first thing that a device fails by, in this order.
enum class Cause : std::uint8_t { Unhealthy, Withheld, Model, Mig, Memory, Compute, Price, Held, NoRoom, Together };
inline constexpr std::size_t kCauses = 10;
std::string_view cause_name(Cause cause);  ///< "no_room"

}  // namespace tessera::fleet::decision
