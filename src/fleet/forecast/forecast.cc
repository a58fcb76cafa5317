#include "fleet/forecast/forecast.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "fleet/forecast/combine.h"

namespace tessera::fleet::forecast {
namespace {

constexpr std::size_t kOrigins = 4;
constexpr std::size_t kFewest = 8;  ///< values to learn from where there is no season

struct Filled {
  Values values;
  std::size_t filled = 0;
};

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

/// From the first observed value on. What is missing is as it was a day before, at the beginning as the last one known.
Result<Filled> fill(std::span<const std::optional<double>> history, std::size_t day) {
  Filled series;
  for (const auto& value : history) {
    if (value && !(std::abs(*value) <= kLargest))
      return fail(Code::Invalid, "forecast: {} in the history: no number up to {:g}", *value, kLargest);
    if (!value && series.values.empty()) continue;
    if (!value) ++series.filled;
    const std::size_t t = series.values.size();
    series.values.push_back(value ? *value : series.values[t >= day ? t - day : t - 1]);
  }
  if (series.filled * 3 > series.values.size())
    return fail(Code::Unavailable, "forecast: {} of {} values are missing, more than a third", series.filled,
                series.values.size());
  return series;
}

/// From where the past is asked: `steps` apart and so many ahead, the last at the end of the history.
struct Backtest {
  std::vector<std::size_t> origins;
  std::size_t steps = 0;
};

Result<Backtest> plan(std::size_t n, const Options& options) {
  const auto& [day, week] = options.seasons;
  const std::size_t shortest = std::min(options.horizon, std::max<std::size_t>(day, kFewest));
  const std::size_t least = std::max(3 * day, kFewest);
  if (n < least + shortest)
    return fail(Code::Unavailable,
                "forecast: too little history: {} values, {} needed ({} to learn from, {} to be judged on)", n,
                least + shortest, least, shortest);
  const bool weekly = n >= 2 * week + shortest;
  const std::size_t tested = std::max(shortest, std::min(n - (weekly ? 2 * week : least), n / 2));
  Backtest backtest{{}, std::min(options.horizon, std::max(shortest, tested / kOrigins))};
  for (std::size_t back = std::min(kOrigins, tested / backtest.steps) + 1; back-- > 0;)
    backtest.origins.push_back(n - back * backtest.steps);
  return backtest;
}

bool fits(const Method& method, std::size_t known, const Seasons& seasons) {
  if (method.needs == Needs::TwoDays && seasons.day < 2) return false;
  if (method.needs == Needs::TwoWeeks && seasons.week <= std::max<std::size_t>(seasons.day, 3)) return false;
  return known >= needed(method.needs, seasons);
}

/// What the methods said from every origin, and how far they were off.
class Contest {
 public:
  Contest(const Values& values, const Backtest& backtest, const Options& options)
      : values_(values), backtest_(backtest), past_(backtest.origins.size() - 1) {
    for (const Method& method : methods())
      if (method.combined && fits(method, backtest.origins.front(), options.seasons)) {
        methods_.push_back(&method);
        paths_.push_back(run(method, {values, backtest.origins, options.horizon, options.seasons}));
      }
    errors_ = Errors(methods_.size(), past_, backtest.steps);
    for (std::size_t method = 0; method < methods_.size(); ++method)
      for (std::size_t origin = 0; origin < past_; ++origin)
        for (std::size_t step = 0; step < backtest.steps; ++step)
          errors_.at(method, origin, step) = off(paths_[method][origin], origin, step);
    part_ = std::max<std::size_t>(1, options.seasons.day > 1 ? options.seasons.day / 2 : backtest.steps);
  }

  std::size_t past() const { return past_; }

  /// How far a path from an origin of the past was off.
  double off(const Values& path, std::size_t origin, std::size_t step) const {
    return std::abs(values_[backtest_.origins[origin] + step] - path[step]);
  }

  /// What they say together from an origin; from one of the past with the weights that the other ones give.
  Values together(std::size_t origin) const {
    Values path(paths_.front()[origin].size());
    Values weights;
    std::vector<Weighted> said;
    for (std::size_t step = 0; step < path.size(); ++step) {
      if (step % part_ == 0) weights = weights_at(step, origin);
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
    const std::size_t parts = (backtest_.steps + part_ - 1) / part_;
    for (std::size_t part = 0; part < parts; ++part) {
      const Values weights = weights_at(part * part_, past_);
      const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
      for (std::size_t method = 0; method < all.size(); ++method)
        all[method].weight += weights[method] / total / static_cast<double>(parts);
    }
    std::ranges::sort(all, {}, [](const Judged& one) { return std::pair(one.error, one.name); });
    return all;
  }

 private:
  /// Of the part of the horizon that the step is in; what is farther than was judged is as the last part that was.
  Values weights_at(std::size_t step, std::size_t origin) const {
    const std::size_t from = std::min(step, (backtest_.steps - 1) / part_ * part_);
    return errors_.weights(from, std::min(from + part_, backtest_.steps),
                           origin < past_ ? std::optional(origin) : std::nullopt);
  }

  const Values& values_;
  const Backtest& backtest_;
  std::size_t past_;
  std::vector<const Method*> methods_;
  std::vector<Paths> paths_;  ///< of each method, from each origin
  Errors errors_{0, 0, 0};
  std::size_t part_ = 1;  ///< steps that are weighed together
};

/// How far from the forecast the bounds are, for each step: what the errors of the backtest around it were within, as
/// often as `coverage` asks.
Values reach(const std::vector<Values>& off, std::size_t horizon, const Options& options) {
  const std::size_t judged = off.front().size(), bin = options.seasons.day > 1 ? options.seasons.day : judged;
  Values bounds;
  double widest = 0;
  for (std::size_t from = 0; from < judged; from += bin) {
    Values errors;
    const std::size_t to = std::min(from + bin, judged);
    for (const Values& origin : off)
      errors.insert(errors.end(), origin.begin() + static_cast<std::ptrdiff_t>(from),
                    origin.begin() + static_cast<std::ptrdiff_t>(to));
    const double rank = std::ceil(options.coverage * static_cast<double>(errors.size() + 1));
    const std::size_t at = std::min(errors.size(), static_cast<std::size_t>(rank)) - 1;
    std::ranges::nth_element(errors, errors.begin() + static_cast<std::ptrdiff_t>(at));
    widest = std::max(widest, errors[at]);  // what is farther off is never surer
    bounds.insert(bounds.end(), to - from, widest);
  }
  while (bounds.size() < horizon)
    bounds.push_back(widest * std::sqrt(static_cast<double>(bounds.size() + 1) / static_cast<double>(judged)));
  bounds.resize(horizon);
  return bounds;
}

std::optional<double> scaled_error(const Values& values, const Backtest& backtest, const Options& options,
                                   double error) {
  const auto repeat = options.seasons.day > 1 ? repeat_day : naive;
  const Paths paths = repeat({values, backtest.origins, backtest.steps, options.seasons});
  double sum = 0;
  for (std::size_t origin = 0; origin + 1 < backtest.origins.size(); ++origin)
    sum += mean_absolute_error(std::span(values).subspan(backtest.origins[origin], backtest.steps), paths[origin]);
  const double repeated = sum / static_cast<double>(backtest.origins.size() - 1);
  return repeated > 0 ? std::optional(error / repeated) : std::nullopt;
}

}  // namespace

Result<Forecast> forecast(std::span<const std::optional<double>> history, const Options& options) {
  TRY(check(options));
  const auto [values, filled] = TRY(fill(history, options.seasons.day));
  const Backtest backtest = TRY(plan(values.size(), options));
  const Contest contest(values, backtest, options);

  Forecast result{
      .origins = contest.past(), .judged_steps = backtest.steps, .filled = filled, .methods = contest.judged()};
  std::vector<Values> off;
  for (std::size_t origin = 0; origin < contest.past(); ++origin) {
    const Values path = contest.together(origin);
    Values& errors = off.emplace_back(backtest.steps);
    for (std::size_t step = 0; step < backtest.steps; ++step) errors[step] = contest.off(path, origin, step);
    result.error +=
        std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(errors.size() * contest.past());
  }
  result.scaled = scaled_error(values, backtest, options, result.error);

  const Values path = contest.together(contest.past()), bounds = reach(off, options.horizon, options);
  const bool below = std::ranges::any_of(values, [](double value) { return value < 0; });
  for (std::size_t step = 0; step < path.size(); ++step) {
    const double low = path[step] - bounds[step];
    result.steps.push_back({path[step], below ? low : std::max(low, 0.0), path[step] + bounds[step]});
  }
  return result;
}

Result<Values> forecast_by(const Method& method, std::span<const std::optional<double>> history,
                           const Options& options) {
  TRY(check(options));
  const Values values = TRY(fill(history, options.seasons.day)).values;
  if (values.empty() || !fits(method, values.size(), options.seasons))
    return fail(Code::Unavailable, "forecast by {}: too little history: {} values, {} needed", method.name,
                values.size(), needed(method.needs, options.seasons));
  const std::size_t origins[] = {values.size()};
  return run(method, {values, origins, options.horizon, options.seasons}).front();
}

}  // namespace tessera::fleet::forecast
