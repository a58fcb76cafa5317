// Double seasonal exponential smoothing with an autoregressive error (Taylor, "Short-term electricity demand
// forecasting using double seasonal exponential smoothing", JORS 54, 2003), additive.
#include <algorithm>
#include <limits>
#include <numeric>

#include "fleet/forecast/methods.h"

namespace tessera::fleet::forecast {
namespace {

struct Factors {
  double level, day, week;
  double carried;  ///< what of the last error is in the next
};

/// The values around which a grid is laid, one factor at a time.
constexpr Factors kStart{0.005, 0.05, 0.1, 0.9};
constexpr double kLevels[] = {0.001, 0.005, 0.02, 0.06, 0.15}, kSeasons[] = {0.02, 0.05, 0.1, 0.2, 0.35},
                 kCarried[] = {0.5, 0.8, 0.9, 0.95, 0.98};

class State {
 public:
  State(std::span<const double> history, const Seasons& seasons) : day_(seasons.day), week_(seasons.week), level_(0) {
    const auto first = history.first(seasons.week);
    level_ = std::accumulate(first.begin(), first.end(), 0.0) / static_cast<double>(first.size());
    const double days = static_cast<double>(seasons.week) / static_cast<double>(seasons.day);
    for (std::size_t t = 0; t < seasons.week; ++t) day_[t % seasons.day] += (first[t] - level_) / days;
    for (std::size_t t = 0; t < seasons.week; ++t) week_[t] = first[t] - level_ - day_[t % seasons.day];
  }

  /// The squared errors one step ahead over what begins where the state stands.
  double learn(std::span<const double> values, const Factors& factors) {
    double squares = 0;
    for (const double value : values) {
      double &day = day_[day_phase_], &week = week_[week_phase_];
      const double off = value - level_ - day - week - factors.carried * error_;
      squares += off * off;
      level_ += factors.level * off;
      day += factors.day * off;
      week += factors.week * off;
      error_ = value - level_ - day - week;
      next();
    }
    return squares;
  }

  Values ahead(std::size_t horizon, const Factors& factors) const {
    Values path(horizon);
    State then = *this;
    double error = error_;
    for (double& value : path) {
      error *= factors.carried;
      value = level_ + day_[then.day_phase_] + week_[then.week_phase_] + error;
      then.next();
    }
    return path;
  }

 private:
  void next() {
    day_phase_ = day_phase_ + 1 == day_.size() ? 0 : day_phase_ + 1;
    week_phase_ = week_phase_ + 1 == week_.size() ? 0 : week_phase_ + 1;
  }

  Values day_, week_;
  double level_, error_ = 0;
  std::size_t day_phase_ = 0, week_phase_ = 0;
};

Factors pick(std::span<const double> history, const Seasons& seasons) {
  const State start(history, seasons);
  const auto values = history.subspan(seasons.week);
  Factors best = kStart;
  double least = State(start).learn(values, best);
  const auto vary = [&](double Factors::* factor, std::span<const double> grid) {
    for (const double value : grid) {
      Factors tried = best;
      tried.*factor = value;
      if (tried.*factor == best.*factor) continue;
      if (const double squares = State(start).learn(values, tried); squares < least) {
        least = squares;
        best = tried;
      }
    }
  };
  vary(&Factors::carried, kCarried);
  vary(&Factors::level, kLevels);
  vary(&Factors::day, kSeasons);
  vary(&Factors::week, kSeasons);
  return best;
}

}  // namespace

Paths double_seasonal(const Question& question) {
  const auto& [history, origins, horizon, seasons] = question;
  const Factors factors = pick(history.first(origins.front()), seasons);
  State state(history, seasons);
  std::size_t known = seasons.week;
  Paths paths;
  for (const std::size_t origin : origins) {
    state.learn(history.subspan(known, origin - known), factors);
    known = origin;
    paths.push_back(state.ahead(horizon, factors));
  }
  return paths;
}

}  // namespace tessera::fleet::forecast
