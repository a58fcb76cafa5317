#pragma once
// A whole shared out in whole numbers, so that the shares make it up.
#include <cstdint>
#include <span>
#include <vector>

namespace tessera::fleet {

/// Shares of `total` (negative too) in proportion to weights that are not negative and not all 0: each is its exact
/// share rounded down or up, and they add up to `total`. What is left over goes to the largest remainders, of equal
/// ones to the first.
std::vector<std::int64_t> split(std::int64_t total, std::span<const std::int64_t> weights);

}  // namespace tessera::fleet
