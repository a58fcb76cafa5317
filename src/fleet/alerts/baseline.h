#pragma once
// What is usual, robustly: a few values that are far off move neither median nor MAD.
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"

namespace tessera::fleet::alerts {

/// How many values a comparison needs, and the spread that is taken for no spread at all: values that are nearly the
/// same would make a trifle look far off.
struct Usual {
  std::size_t at_least = 5;
  double least_spread = 1;  ///< in the unit of the values
};

/// Median, and 1.4826 MAD: a standard deviation where the values are normal.
struct Centre {
  double median = 0;
  double spread = 1;
  double deviation(double value) const { return (value - median) / spread; }
};
/// Absent where there are too few.
std::optional<Centre> centre_of(std::vector<double> values, const Usual& usual);

/// Of a value from the centre of others; where more than `seldom` of those were half as far off on the same side, that
/// level is a usual one, which the MAD knows nothing of (it is 0 where most are equal), and this is kOftenSeen at most:
/// no alert begins, and one that fires goes on until the centre has followed.
double deviation_beyond(std::span<const double> others, const Centre& centre, double value, std::size_t seldom);
inline constexpr double kOftenSeen = 5;  ///< between where rules on deviations fire and where they are cleared

/// Of each subject the means of its last hours, a week at most, in which it was told of.
class OwnBaseline {
 public:
  /// In the order of time.
  void add(const std::string& subject, EpochMs time, double value);
  /// Of the hours that are over. Absent where there are not `at_least` of them.
  std::optional<Centre> centre(const std::string& subject, const Usual& usual) const;
  /// From there; see deviation_beyond, where a twentieth of the hours is seldom.
  std::optional<double> deviation(const std::string& subject, const Usual& usual, double value) const;
  /// Those of which nothing was told for a week are forgotten.
  void forget(EpochMs now);

  /// Line by line; see track_text.h.
  std::string text() const;
  static OwnBaseline read(std::string_view text);

 private:
  struct Series {
    EpochMs hour = 0;  ///< its number since the epoch
    double sum = 0;    ///< of the hour that is not over
    std::size_t count = 0;
    std::deque<double> means;
  };
  std::map<std::string, Series> series_;
};

}  // namespace tessera::fleet::alerts
