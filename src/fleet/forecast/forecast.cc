#include "fleet/forecast/forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fleet/forecast/combine.h"

namespace tessera::fleet::forecast {
namespace {

constexpr std::size_t kOrigins = 4;
constexpr std::size_t kFewest = 8;  ///< values to learn from where there is no season

Result<void> check(const Options& options) {
  const auto& [horizon, seasons, coverage] = options;
  if (horizon == 0) return fail(Code::Invalid, "forecast: a horizon of 0 steps");
  if (seasons.day == 0 || seasons.week == 0 || seasons.week % seasons.day != 0)
    return fail(Code::Invalid, "forecast: seasons of {} and {} steps: the longer one must be a multiple of the shorter",
                seasons.day, seasons.week);
  if (!(coverage > 0 && coverage < 1))
    return fail(Code::Invalid, "forecast: an interval of {}: above 0 and below 1 expected", coverage);
  return {};
}

/// What is known of a history, from the first observed value to the last.
struct Known {
  Values values;               ///< what was not observed is filled in, so that methods can run
  std::vector<bool> observed;  ///< of each value
  std::size_t filled = 0;
  std::size_t behind = 0;  ///< steps at the end that nobody observed: forecast, not filled
};

/// What is missing between is as it was a day before, at the beginning as the last one known.
Result<Known> known_of(std::span<const std::optional<double>> history, std::size_t day) {
  const auto newest = std::ranges::find_if(history.rbegin(), history.rend(), [](const auto& one) { return !!one; });
  Known known{.values = {}, .observed = {}, .filled = 0, .behind = static_cast<std::size_t>(newest - history.rbegin())};
  for (const auto& value : history.first(history.size() - known.behind)) {
    if (value && !(std::abs(*value) <= kLargest))
      return fail(Code::Invalid, "forecast: {} in the history: no number up to {:g}", *value, kLargest);
    if (!value && known.values.empty()) continue;
    if (!value) ++known.filled;
    const std::size_t t = known.values.size();
    known.values.push_back(value ? *value : known.values[t >= day ? t - day : t - 1]);
    known.observed.push_back(value.has_value());
  }
  if (known.values.empty()) known.behind = 0;
  const std::size_t missing = known.filled + known.behind, all = known.values.size() + known.behind;
  if (missing * 3 > all)
    return fail(Code::Unavailable, "forecast: {} of {} values are missing, more than a third", missing, all);
  return known;
}

/// From where the past is asked: `steps` apart and so many ahead, the last at the end of the history. Of the steps only
/// those from `first` on are wanted, and only those that were observed are judged.
struct Backtest {
  std::vector<std::size_t> origins;
  std::size_t steps = 0, first = 0;
};

/// An error where less than half of what forecasts would be compared with was observed.
Result<void> check_judged(const Known& known, const Backtest& backtest) {
  if (backtest.first >= backtest.steps)
    return fail(Code::Unavailable,
                "forecast: the newest {} values are missing: forecasts from before them can be judged up to {} steps",
                known.behind, backtest.steps);
  std::size_t observed = 0;
  for (std::size_t origin = 0; origin + 1 < backtest.origins.size(); ++origin)
    for (std::size_t step = backtest.first; step < backtest.steps; ++step)
      observed += known.observed[backtest.origins[origin] + step];
  const std::size_t all = (backtest.origins.size() - 1) * (backtest.steps - backtest.first);
  if (observed * 2 < all)
    return fail(Code::Unavailable, "forecast: too little to be judged on: {} of {} values are known, half needed",
                observed, all);
  return {};
}

Result<Backtest> plan(const Known& known, const Options& options) {
  const auto& [day, week] = options.seasons;
  const std::size_t n = known.values.size();
  const std::size_t shortest = std::min(options.horizon, std::max<std::size_t>(day, kFewest));
  const std::size_t least = std::max(3 * day, kFewest);
  if (n < least + shortest)
    return fail(Code::Unavailable,
                "forecast: too little history: {} values, {} needed ({} to learn from, {} to be judged on)", n,
                least + shortest, least, shortest);
  const bool weekly = n >= 2 * week + shortest;
  const std::size_t tested = std::max(shortest, std::min(n - (weekly ? 2 * week : least), n / 2));
  Backtest backtest{{}, std::min(options.horizon, std::max(shortest, tested / kOrigins)), known.behind};
  for (std::size_t back = std::min(kOrigins, tested / backtest.steps) + 1; back-- > 0;)
    backtest.origins.push_back(n - back * backtest.steps);
  TRY(check_judged(known, backtest));
  return backtest;
}

bool fits(const Method& method, std::size_t known, const Seasons& seasons) {
  if (method.needs == Needs::TwoDays && seasons.day < 2) return false;
  if (method.needs == Needs::TwoWeeks && seasons.week <= std::max<std::size_t>(seasons.day, 3)) return false;
  return known >= needed(method.needs, seasons);
}

bool is_judged(const Known& known, const Backtest& backtest, std::size_t origin, std::size_t step) {
  return step >= backtest.first && known.observed[backtest.origins[origin] + step];
}

/// What the methods said from every origin, and how far they were off.
class Contest {
 public:
  Contest(const Known& known, const Backtest& backtest, const Options& options)
      : known_(known), backtest_(backtest), past_(backtest.origins.size() - 1) {
    const bool weeks = backtest.origins.front() >= needed(Needs::TwoWeeks, options.seasons);
    ask([&](Part part) { return part == Part::Always || (part == Part::WithoutWeeks && !weeks); }, options);
    judge();
    bool level = level_is_best({});
    for (std::size_t origin = 0; origin < past_; ++origin) level = level || level_is_best(origin);
    if (level) {  // else nobody listens to them
      ask([](Part part) { return part == Part::LevelIsBest || part == Part::BestOfLevels; }, options);
      judge();
    }
    part_ = std::max<std::size_t>(1, options.seasons.day > 1 ? options.seasons.day / 2 : backtest.steps);
  }

  std::size_t past() const { return past_; }

  /// What the combination was off by where it is judged, for each step from all origins of the past.
  std::vector<Values> off_by_step() const {
    std::vector<Values> errors(backtest_.steps);
    for (std::size_t origin = 0; origin < past_; ++origin) {
      const Values path = together(origin);
      for (std::size_t step = 0; step < backtest_.steps; ++step)
        if (is_judged(known_, backtest_, origin, step)) errors[step].push_back(off(path, origin, step));
    }
    return errors;
  }

  /// What they say together from an origin; from one of the past with the weights that the other ones give.
  Values together(std::size_t origin) const {
    Values path(paths_.front()[origin].size());
    const std::vector<bool> part = taking_part(other_than(origin));
    Values weights;
    std::vector<Weighted> said;
    for (std::size_t step = 0; step < path.size(); ++step) {
      if (step % part_ == 0) weights = weights_at(step, part, other_than(origin));
      said.clear();
      for (std::size_t method = 0; method < methods_.size(); ++method)
        said.push_back({paths_[method][origin][step], weights[method]});
      path[step] = weighted_median(said);
    }
    return path;
  }

  std::vector<Judged> judged() const {
    std::vector<Judged> all;
    for (std::size_t method = 0; method < methods_.size(); ++method)
      all.push_back({methods_[method]->name, errors_.mean(method), 0});
    const std::vector<bool> taking = taking_part({});
    const std::size_t parts = (backtest_.steps + part_ - 1) / part_;
    for (std::size_t part = 0; part < parts; ++part) {
      const Values weights = weights_at(part * part_, taking, {});
      const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (std::size_t method = 0; method < all.size(); ++method)
        all[method].weight += weights[method] / total / static_cast<double>(parts);
    }
    std::ranges::sort(all, {}, [](const Judged& one) { return std::pair(one.error, one.name); });
    return all;
  }

 private:
  using Without = std::optional<std::size_t>;  ///< an origin of the past that is not to be looked at

  template <class Wanted>
  void ask(const Wanted& wanted, const Options& options) {
    for (const Method& method : methods())
      if (wanted(method.part) && fits(method, backtest_.origins.front(), options.seasons)) {
        methods_.push_back(&method);
        paths_.push_back(run(method, {known_.values, backtest_.origins, options.horizon, options.seasons}));
      }
  }

  void judge() {
    errors_ = Errors(methods_.size(), past_, backtest_.steps);
    for (std::size_t origin = 0; origin < past_; ++origin)
      for (std::size_t step = 0; step < backtest_.steps; ++step)
        if (is_judged(known_, backtest_, origin, step))
          for (std::size_t method = 0; method < methods_.size(); ++method)
            errors_.judge(method, origin, step, off(paths_[method][origin], origin, step));
  }

  Without other_than(std::size_t origin) const { return origin < past_ ? Without(origin) : Without(); }

  /// Whether the last value was better than every method of a season; not where nothing was judged.
  bool level_is_best(Without without) const {
    const double level = error_of_last_value(without);
    for (std::size_t method = 0; method < methods_.size(); ++method)
      if (is_of_season(*methods_[method]) && errors_.mean(method, without) <= level) return false;
    return level > 0;
  }

  static bool is_of_season(const Method& method) { return method.needs != Needs::Value; }

  double error_of_last_value(Without without) const {
    const auto last = std::ranges::find_if(methods_, [](const Method* method) { return method->run == naive; });
    return errors_.mean(static_cast<std::size_t>(last - methods_.begin()), without);
  }

  std::vector<bool> taking_part(Without without) const {
    const bool level = level_is_best(without);
    const double last = error_of_last_value(without);
    std::vector<bool> out(methods_.size());
    for (std::size_t method = 0; method < methods_.size(); ++method) {
      const Part part = methods_[method]->part;
      out[method] = part == Part::LevelIsBest    ? level
                    : part == Part::BestOfLevels ? level && errors_.mean(method, without) < last
                                                 : true;
    }
    return out;
  }

  /// How far a path from an origin of the past was off.
  double off(const Values& path, std::size_t origin, std::size_t step) const {
    return std::abs(known_.values[backtest_.origins[origin] + step] - path[step]);
  }

  /// Of the part of the horizon that the step is in; what is farther than was judged is as the last part that was.
  Values weights_at(std::size_t step, const std::vector<bool>& taking, Without without) const {
    const std::size_t from = std::min(step, (backtest_.steps - 1) / part_ * part_);
    return errors_.weights(from, std::min(from + part_, backtest_.steps), taking, without);
  }

  const Known& known_;
  const Backtest& backtest_;
  std::size_t past_;
  std::vector<const Method*> methods_;
  std::vector<Paths> paths_;  ///< of each method, from each origin
  Errors errors_{0, 0, 0};
  std::size_t part_ = 1;  ///< steps that are weighed together
};

/// What `coverage` of the errors are within; a little more where there are few.
double quantile(Values errors, double coverage) {
  const double rank = std::ceil(coverage * static_cast<double>(errors.size() + 1));
  const std::size_t at = std::min(errors.size(), static_cast<std::size_t>(rank)) - 1;
  std::ranges::nth_element(errors, errors.begin() + static_cast<std::ptrdiff_t>(at));
  return errors[at];
}

Values all_of(std::span<const Values> errors) {
  Values all;
  for (const Values& some : errors) all.insert(all.end(), some.begin(), some.end());
  return all;
}

/// How far from the forecast the bounds are, for each step: what the errors of the backtest around it were within, as
/// often as `coverage` asks; where hardly any was judged around it, what all were.
Values reach(const std::vector<Values>& off, std::size_t horizon, const Options& options) {
  const std::size_t judged = off.size(), bin = options.seasons.day > 1 ? options.seasons.day : judged;
  const Values all = all_of(off);
  Values bounds;
  double widest = 0;
  for (std::size_t from = 0; from < judged; from += bin) {
    const std::size_t steps = std::min(bin, judged - from);
    const Values around = all_of(std::span(off).subspan(from, steps));
    // What is farther off is never surer.
    widest = std::max(widest, quantile(around.size() < kFewest ? all : around, options.coverage));
    bounds.insert(bounds.end(), steps, widest);
  }
  while (bounds.size() < horizon)
    bounds.push_back(widest * std::sqrt(static_cast<double>(bounds.size() + 1) / static_cast<double>(judged)));
  bounds.resize(horizon);
  return bounds;
}

double mean_of(const std::vector<Values>& errors) {
  const Values all = all_of(errors);
  return std::accumulate(all.begin(), all.end(), 0.0) / static_cast<double>(all.size());
}

/// What repeating the last day was off by, at the same steps.
double repeated_error(const Known& known, const Backtest& backtest, const Options& options) {
  const auto repeat = options.seasons.day > 1 ? repeat_day : naive;
  const Paths paths = repeat({known.values, backtest.origins, backtest.steps, options.seasons});
  std::vector<Values> errors(1);
  for (std::size_t origin = 0; origin + 1 < backtest.origins.size(); ++origin)
    for (std::size_t step = 0; step < backtest.steps; ++step)
      if (is_judged(known, backtest, origin, step))
        errors.front().push_back(std::abs(known.values[backtest.origins[origin] + step] - paths[origin][step]));
  return mean_of(errors);
}

}  // namespace

Result<Forecast> forecast(std::span<const std::optional<double>> history, const Options& options) {
  TRY(check(options));
  const Known known = TRY(known_of(history, options.seasons.day));
  Options asked = options;
  asked.horizon += known.behind;  // from the last value that was observed
  const Backtest backtest = TRY(plan(known, asked));
  const Contest contest(known, backtest, asked);

  const std::vector<Values> off = contest.off_by_step();
  Forecast result{.error = mean_of(off),
                  .origins = contest.past(),
                  .judged_steps = backtest.steps - backtest.first,
                  .filled = known.filled,
                  .methods = contest.judged()};
  if (const double repeated = repeated_error(known, backtest, asked); repeated > 0)
    result.scaled = result.error / repeated;

  const Values path = contest.together(contest.past()), bounds = reach(off, asked.horizon, asked);
  const bool below = std::ranges::any_of(known.values, [](double value) { return value < 0; });
  for (std::size_t step = known.behind; step < path.size(); ++step) {
    const double low = path[step] - bounds[step];
    result.steps.push_back({path[step], below ? low : std::max(low, 0.0), path[step] + bounds[step]});
  }
  return result;
}

Result<Values> forecast_by(const Method& method, std::span<const std::optional<double>> history,
                           const Options& options) {
  TRY(check(options));
  const Known known = TRY(known_of(history, options.seasons.day));
  const std::size_t origins[] = {known.values.size()};
  if (known.values.empty() || !fits(method, origins[0], options.seasons))
    return fail(Code::Unavailable, "forecast by {}: too little history: {} values, {} needed", method.name, origins[0],
                needed(method.needs, options.seasons));
  Values path = run(method, {known.values, origins, known.behind + options.horizon, options.seasons}).front();
  path.erase(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(known.behind));
  return path;
}

}  // namespace tessera::fleet::forecast
