#include "fleet/cost/split.h"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <numeric>

#include "fleet/cost/money.h"

namespace tessera::fleet {

std::vector<std::int64_t> split(std::int64_t total, std::span<const std::int64_t> weights) {
  assert(std::ranges::none_of(weights, [](std::int64_t one) { return one < 0; }));
  const Wide sum = std::accumulate(weights.begin(), weights.end(), Wide{0});
  assert(sum > 0);
  const Wide size = total < 0 ? -Wide{total} : Wide{total};
  std::vector<std::int64_t> out(weights.size());
  std::vector<Wide> remainders(weights.size());
  Wide left = size;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const Wide exact = size * weights[i];
    const Wide share = exact / sum;
    left -= share;
    remainders[i] = exact % sum;
    out[i] = static_cast<std::int64_t>(total < 0 ? -share : share);
  }
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto more = [&](std::size_t a, std::size_t b) {
    return remainders[a] != remainders[b] ? remainders[a] > remainders[b] : a < b;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(left), order.end(), more);
  for (std::size_t i = 0; i < static_cast<std::size_t>(left); ++i) out[order[i]] += total < 0 ? -1 : 1;
  return out;
}

}  // namespace tessera::fleet
