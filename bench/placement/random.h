#pragma once
// What a seed deals out. The standard library's shuffle and distributions differ between libraries; these do not.
#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace tessera::bench {

template <class T>
void shuffle(std::vector<T>& values, std::mt19937_64& random) {
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random() % i]);
}

/// With the mean 1.
inline double exponential(std::mt19937_64& random) {
  return -std::log1p(-static_cast<double>(random() >> 11) / static_cast<double>(std::uint64_t{1} << 53));
}

}  // namespace tessera::bench
