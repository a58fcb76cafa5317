#include "fleet/forecast/combine.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace tessera::fleet::forecast {

double weighted_median(std::vector<Weighted>& values) {
  std::ranges::sort(values, {}, [](const Weighted& one) { return std::pair(one.value, one.weight); });
  double total = 0;
  for (const Weighted& one : values) total += one.weight;
  // Each value stands in the middle of its weight.
  double before = 0, last_middle = 0;
  const Weighted* last = nullptr;
  for (const Weighted& one : values) {
    if (!(one.weight > 0)) continue;
    const double middle = before + one.weight / 2;
    if (middle >= total / 2) {
      if (!last) return one.value;
      return last->value + (total / 2 - last_middle) / (middle - last_middle) * (one.value - last->value);
    }
    before += one.weight;
    last_middle = middle;
    last = &one;
  }
  return last ? last->value : 0;
}

double Errors::sum(std::size_t method, std::size_t origin, std::size_t from, std::size_t to) const {
  const auto* const first = values_.data() + (method * origins_ + origin) * steps_;
  return std::accumulate(first + from, first + to, 0.0);
}

std::ptrdiff_t Errors::judged(std::size_t origin, std::size_t from, std::size_t to) const {
  const auto first = judged_.begin() + static_cast<std::ptrdiff_t>(origin * steps_);
  return std::count(first + static_cast<std::ptrdiff_t>(from), first + static_cast<std::ptrdiff_t>(to), true);
}

double Errors::mean(std::size_t method, std::optional<std::size_t> without) const {
  double total = 0;
  std::ptrdiff_t count = 0;
  for (std::size_t origin = 0; origin < origins_; ++origin) {
    if (origin == without) continue;
    total += sum(method, origin, 0, steps_);
    count += judged(origin, 0, steps_);
  }
  return count > 0 ? total / static_cast<double>(count) : 0;
}

Values Errors::weights(std::size_t from, std::size_t to, const std::vector<bool>& taking_part,
                       std::optional<std::size_t> without) const {
  std::ptrdiff_t count = 0;
  for (std::size_t origin = 0; origin < origins_; ++origin)
    if (origin != without) count += judged(origin, from, to);
  if (count == 0) from = 0, to = steps_;
  Values off(methods_);
  double best = std::numeric_limits<double>::infinity();
  for (std::size_t method = 0; method < methods_; ++method) {
    for (std::size_t origin = 0; origin < origins_; ++origin)
      if (origin != without) off[method] += sum(method, origin, from, to);
    if (taking_part[method]) best = std::min(best, off[method]);
  }
  Values weights(methods_);
  for (std::size_t method = 0; method < methods_; ++method) {
    const double part = off[method] > 0 ? best / off[method] : 1;
    if (taking_part[method] && part * kWorst >= 1) weights[method] = part * part;
  }
  return weights;
}

}  // namespace tessera::fleet::forecast
