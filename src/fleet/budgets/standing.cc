#include "fleet/budgets/standing.h"

#include <algorithm>
#include <cmath>

#include "fleet/cost/ledger.h"
#include "fleet/forecast/capacity.h"

namespace tessera::fleet::budgets {
namespace {

constexpr EpochMs kBucket = kCostBucket.count(), kHour = 3'600'000;

Result<Micros> sum_of(const SpentByBucket& spent, EpochMs from, EpochMs to) {
  Wide sum = 0;
  for (auto at = spent.lower_bound(from); at != spent.end() && at->first < to; ++at) sum += at->second;
  return narrow(sum, "what a budget's scope has spent");
}

Result<std::vector<BurnPoint>> burn_down(const Budget& budget, const CostWindow& period, const SpentByBucket& spent,
                                         std::optional<EpochMs> closed_until) {
  std::vector<BurnPoint> out;
  Micros by = 0;
  for (const CostWindow& day : pieces(period, Accumulate::Day, TRY(Zone::named(budget.time_zone)))) {
    BurnPoint& point = out.emplace_back(BurnPoint{.day = day, .even_by = even_pace(budget.amount, period, day.to)});
    if (!closed_until || *closed_until <= day.from) continue;
    const EpochMs to = std::min(day.to, *closed_until);
    point.closed = to == day.to;
    if (spent.lower_bound(day.from) == spent.lower_bound(to)) continue;
    point.spent = TRY(sum_of(spent, day.from, to));
    by = TRY(narrow(Wide{by} + *point.spent, "what a budget's scope has spent"));
    point.spent_by = by;
  }
  return out;
}

/// By hours before `until`, the newest last; absent where one of its buckets is not closed.
std::vector<std::optional<double>> hours_before(const SpentByBucket& spent, EpochMs until) {
  const auto first = spent.lower_bound(until - kForecastHistory.count());
  if (first == spent.end() || first->first >= until) return {};
  std::vector<std::optional<double>> out(static_cast<std::size_t>((until - first->first) / kHour));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const EpochMs from = until - static_cast<EpochMs>(out.size() - i) * kHour;
    const auto begin = spent.lower_bound(from), end = spent.lower_bound(from + kHour);
    if (std::distance(begin, end) != kHour / kBucket) continue;
    double sum = 0;
    for (auto at = begin; at != end; ++at) sum += static_cast<double>(at->second);
    out[i] = sum / kUnit;
  }
  return out;
}

/// To whole micro-units; Invalid beyond 64 bits.
Result<Micros> rounded(double units) {
  constexpr double kMost = 9.2e18;
  const double micros = units * kUnit;
  if (!(std::abs(micros) < kMost)) return fail(Code::Invalid, "a forecast of {} is beyond 64 bits", units);
  return static_cast<Micros>(std::llround(micros));
}

std::vector<forecast::Judged> parts_of(std::vector<forecast::Judged> methods) {
  constexpr double kSmallest = 0.005;  // half a percent is shown as one
  std::erase_if(methods, [](const forecast::Judged& one) { return one.weight < kSmallest; });
  std::ranges::sort(methods, {}, [](const forecast::Judged& one) { return std::pair(-one.weight, one.name); });
  return methods;
}

Result<Outlook> look_ahead(const CostWindow& period, const SpentByBucket& spent, EpochMs closed_until, Micros so_far) {
  // Hours are counted from the end of the period, so that whole ones are left.
  const EpochMs rest = period.to - closed_until;
  const EpochMs ahead = (rest + kHour - 1) / kHour;
  const EpochMs until = period.to - ahead * kHour;
  const auto history = hours_before(spent, until);
  const auto forecast = TRY(forecast::forecast(
      history, {.horizon = static_cast<std::size_t>(ahead), .seasons = {}, .coverage = kForecastCoverage}));
  const auto rest_of = TRY(forecast::project(0, forecast, 0, static_cast<double>(ahead)));
  const Micros before = until > period.from ? TRY(sum_of(spent, period.from, until)) : 0;
  const auto all = [&](double units) -> Result<Micros> {
    return std::max(so_far, TRY(narrow(Wide{before} + TRY(rounded(units)), "a forecast")));
  };
  return Outlook{.value = TRY(all(rest_of.value)),
                 .low = TRY(all(rest_of.low)),
                 .high = TRY(all(rest_of.high)),
                 .error = TRY(rounded(forecast.error)),
                 .hours = history.size(),
                 .ahead = static_cast<std::size_t>(ahead),
                 .judged = forecast.judged_steps,
                 .filled = forecast.filled,
                 .methods = parts_of(forecast.methods)};
}

}  // namespace

Result<Standing> standing(const Budget& budget, const CostWindow& period, const SpentByBucket& spent,
                          std::optional<EpochMs> closed_until) {
  Standing out{.period = period};
  if (closed_until) closed_until = std::min(*closed_until, period.to);
  if (closed_until && *closed_until <= period.from) closed_until.reset();
  out.burn_down = TRY(burn_down(budget, period, spent, closed_until));
  const auto first = spent.lower_bound(period.from);
  if (!closed_until || first == spent.end() || first->first >= *closed_until) {
    out.no_outlook = "nothing of the period is closed yet";
    return out;
  }
  out.closed_until = closed_until;
  out.spent = TRY(sum_of(spent, period.from, *closed_until));
  out.even = even_pace(budget.amount, period, *closed_until);
  out.unknown =
      Milliseconds(*closed_until - period.from - std::distance(first, spent.lower_bound(*closed_until)) * kBucket);
  if (*closed_until >= period.to) {
    out.no_outlook = "the period is over";
    return out;
  }
  if (auto outlook = look_ahead(period, spent, *closed_until, *out.spent))
    out.outlook = *std::move(outlook);
  else
    out.no_outlook = outlook.error().what;
  return out;
}

Micros even_pace(Micros amount, const CostWindow& period, EpochMs time) {
  const EpochMs all = period.to - period.from;
  if (all <= 0) return amount;
  return static_cast<Micros>(Wide{amount} * std::clamp<EpochMs>(time - period.from, 0, all) / all);
}

std::optional<Micros> remaining(const Budget& budget, const Standing& standing) {
  if (!standing.spent) return std::nullopt;
  const auto out = narrow(Wide{budget.amount} - *standing.spent, budget.name);
  return out ? std::optional(*out) : std::nullopt;
}

bool is_overspent(const Budget& budget, const Standing& standing) {
  if (standing.spent.value_or(0) >= budget.amount) return true;
  return budget.enforce_on == Basis::Forecast && standing.outlook && standing.outlook->value > budget.amount;
}

}  // namespace tessera::fleet::budgets
