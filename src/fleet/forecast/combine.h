#pragma once
// How much each method counts, by how far it was off, and what they say together. Pure.
#include <optional>
#include <span>
#include <vector>

#include "fleet/forecast/accuracy.h"

namespace tessera::fleet::forecast {

/// The value at which half of the weight is below, between two neighbours in proportion: one method that is far out
/// moves it no more than one that is a little out. Weights are at least 0 and not all 0.
struct Weighted {
  double value = 0, weight = 0;
};
double weighted_median(std::vector<Weighted>& values);

/// Absolute errors of some methods from some origins, at the steps that are judged: for all methods the same ones.
class Errors {
 public:
  Errors(std::size_t methods, std::size_t origins, std::size_t steps)
      : methods_(methods),
        origins_(origins),
        steps_(steps),
        values_(methods * origins * steps),
        judged_(origins * steps) {}

  void judge(std::size_t method, std::size_t origin, std::size_t step, double off) {
    values_[(method * origins_ + origin) * steps_ + step] = off;
    judged_[origin * steps_ + step] = true;
  }

  /// The mean over all steps that are judged, of all origins but `without`; 0 where none is.
  double mean(std::size_t method, std::optional<std::size_t> without = {}) const;

  /// The inverse square of each method's mean error over the steps [from, to), as a part of the best one's, of those of
  /// `taking_part` that are within `kWorst` times the best; of all origins but `without`. Where none of those steps is
  /// judged, over all steps. Methods that were never off share all the weight; where there is no other origin, all do.
  Values weights(std::size_t from, std::size_t to, const std::vector<bool>& taking_part,
                 std::optional<std::size_t> without = {}) const;

  static constexpr double kWorst = 3;

 private:
  double sum(std::size_t method, std::size_t origin, std::size_t from, std::size_t to) const;
  std::ptrdiff_t judged(std::size_t origin, std::size_t from, std::size_t to) const;

  std::size_t methods_, origins_, steps_;
  Values values_;  ///< 0 where it is not judged
  std::vector<bool> judged_;
};

}  // namespace tessera::fleet::forecast
