#pragma once
// The single methods, each a function of a history and of the moments ("origins") to forecast from. From an origin only
// what was before it is used, so that one call serves both the forecast and its backtest: what a method picks for a
// series (smoothing parameters) it picks by what was before the first origin, and then runs once. Pure.
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "fleet/forecast/accuracy.h"

namespace tessera::fleet::forecast {

/// Lengths of the two seasons in steps; week is a multiple of day. 1: there is none.
struct Seasons {
  std::size_t day = 24;
  std::size_t week = 168;
};

struct Question {
  std::span<const double> history;       ///< finite
  std::span<const std::size_t> origins;  ///< rising; each how many values are known then, the last at most all
  std::size_t horizon = 0;               ///< steps from each origin
  Seasons seasons;
};

/// For each origin `horizon` values.
using Paths = std::vector<Values>;

/// The history that a method needs before its first origin.
enum class Needs { Value, TwoDays, TwoWeeks };

/// What a method is run on. Roots and logarithms are for what grows in proportion to its level; logarithms only where
/// every value is above 0, roots where none is below; else the values as they are.
enum class Scale { AsIs, Roots, Logarithms };

/// When it is a part of the combination. Methods that know no season say nearly the same, and many of one opinion
/// outvote the others: so they join where the backtest shows that a season helps nobody.
enum class Part {
  Always,
  WithoutWeeks,  ///< where the history is too short for methods of the week
  LevelIsBest,   ///< where the last value was better than every method of a season
  BestOfLevels,  ///< there too, where it was itself better than the last value
  Never          ///< there to be compared with
};

struct Method {
  std::string_view name;
  Needs needs;
  Scale scale;
  Paths (*run)(const Question&);
  Part part;
};

std::span<const Method> methods();

/// Values before the first origin.
std::size_t needed(Needs needs, const Seasons& seasons);

/// On its scale. No path is below 0 where no value of the history is, and none farther out than ten times the spread of
/// the history: an exponential of an extrapolation has no bounds of its own.
Paths run(const Method& method, const Question& question);

// level.cc: without seasons.
Paths naive(const Question& question);
Paths mean_of_day(const Question& question);
Paths mean_of_week(const Question& question);
Paths exponential_smoothing(const Question& question);
Paths damped_holt(const Question& question);
Paths theta(const Question& question);

// seasonal.cc: the past repeated, and a level under a profile.
Paths repeat_day(const Question& question);
Paths repeat_week(const Question& question);
Paths day_profile_theta(const Question& question);
Paths week_profile_theta(const Question& question);
Paths week_profile_reverting(const Question& question);

// double_seasonal.cc, regression.cc, analogue.cc
Paths double_seasonal(const Question& question);
Paths lag_regression(const Question& question);
Paths analogues_of_day(const Question& question);
Paths analogues_of_three_days(const Question& question);

}  // namespace tessera::fleet::forecast
