#include "server/forecast/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "server/api_json.h"
#include "server/cost/json.h"

namespace tessera::server {
namespace {

namespace forecast = fleet::forecast;
using Series = std::vector<std::optional<double>>;

constexpr std::size_t kHoursOfDay = 24, kHoursOfWeek = 168;
constexpr std::size_t kKnownHours = 18;  ///< of a day that says something of its fullest hour
constexpr double kPlanned = 90;          ///< days

/// GPUs are numbers; money is a text, as everywhere.
Json amount(Measure measure, double value) {
  if (measure == Measure::Cost) return money_json(std::llround(value));
  return std::round(value * 1e6) / 1e6;
}
Json amount(Measure measure, const std::optional<double>& value) {
  return value ? amount(measure, *value) : Json(nullptr);
}

Json history_json(const Series& series, EpochMs end, Measure measure, std::size_t shown) {
  const auto begin = [&](std::size_t at) { return end - static_cast<EpochMs>(series.size() - at) * kForecastHour; };
  const auto observed =
      static_cast<std::size_t>(std::ranges::count_if(series, [](const auto& one) { return one.has_value(); }));
  Json points = Json::array();
  for (std::size_t at = series.size() - std::min(shown, series.size()); at < series.size(); ++at)
    points.push_back({{"time", time_json(begin(at))}, {"value", amount(measure, series[at])}});
  return {{"start", series.empty() ? Json(nullptr) : time_json(begin(0))},
          {"end", series.empty() ? Json(nullptr) : time_json(end)},
          {"hours", series.size()},
          {"observedHours", observed},
          {"gapHours", series.size() - observed},
          {"points", std::move(points)}};
}

std::string_view state_of(const Series& series, bool made) {
  if (made) return "forecast";
  return std::ranges::any_of(series, [](const auto& one) { return one.has_value(); }) ? "tooLittleHistory"
                                                                                      : "noHistory";
}

constexpr std::string_view kNothing = "nothing is known of it: no closed hour of the cost ledger has it";

std::optional<double> error_of(const forecast::Forecast& of, std::string_view method) {
  const auto found = std::ranges::find(of.methods, method, &forecast::Judged::name);
  return found == of.methods.end() ? std::nullopt : std::optional(found->error);
}

Json error_json(const forecast::Forecast& of, Measure measure) {
  return {{"mean", amount(measure, of.error)},
          {"lastValue", amount(measure, error_of(of, "naive"))},
          {"sameHourYesterday", amount(measure, error_of(of, "seasonal naive, day"))},
          {"ofSameHourYesterday", or_null(of.scaled)},
          {"origins", of.origins},
          {"judgedHours", of.judged_steps}};
}

Json methods_json(const forecast::Forecast& of, Measure measure) {
  Json out = Json::array();
  for (const forecast::Judged& one : of.methods)
    out.push_back({{"name", one.name},
                   {"error", amount(measure, one.error)},
                   {"weightPercent", std::round(one.weight * 1'000) / 10}});
  return out;
}

}  // namespace

Json forecast_json(const MadeForecast& made, Measure measure, std::size_t history) {
  const auto state = state_of(made.history, made.forecast.has_value());
  Json out = {{"state", state},
              {"reason", made.forecast          ? Json(nullptr)
                         : state == "noHistory" ? Json(kNothing)
                                                : Json(made.why_not)},
              {"history", history_json(made.history, made.end, measure, history)},
              {"coverage", kForecastCoverage}};
  Json items = Json::array();
  if (!made.forecast) {
    out.update({{"method", nullptr}, {"methods", Json::array()}, {"error", nullptr}, {"items", std::move(items)}});
    return out;
  }
  const forecast::Forecast& of = *made.forecast;
  for (std::size_t i = 0; i < of.steps.size(); ++i)
    items.push_back({{"time", time_json(made.end + static_cast<EpochMs>(i) * kForecastHour)},
                     {"value", amount(measure, of.steps[i].value)},
                     {"low", amount(measure, of.steps[i].low)},
                     {"high", amount(measure, of.steps[i].high)},
                     {"judged", i < of.judged_steps}});
  const auto heaviest = std::ranges::max_element(of.methods, {}, &forecast::Judged::weight);
  out["method"] = heaviest->name;
  out["methods"] = methods_json(of, measure);
  out["error"] = error_json(of, measure);
  out["items"] = std::move(items);
  return out;
}

Json month_json(const MonthEnd& month, const fleet::Zone& zone) {
  Json out = window_json(month.month, zone);
  out["soFar"] = money_json(month.so_far);
  out["soFarUntil"] = zone.format(std::clamp(month.until, month.month.from, month.month.to));
  out["unknownHours"] = static_cast<double>(month.unknown.count()) / static_cast<double>(kForecastHour);
  const auto bound = [&](double forecast::Projection::* member) {
    return month.all ? money_json(std::llround((*month.all).*member)) : Json(nullptr);
  };
  out["projected"] = bound(&forecast::Projection::value);
  out["low"] = bound(&forecast::Projection::low);
  out["high"] = bound(&forecast::Projection::high);
  out["reason"] = month.all ? Json(nullptr) : Json(month.why_not);
  return out;
}

namespace {

using Pattern = std::vector<std::optional<forecast::PatternCell>>;

/// Monday is 1, as in ISO 8601.
Json hour_json(std::size_t hour_of_week, const std::optional<forecast::PatternCell>& cell, Measure measure) {
  return {{"weekday", hour_of_week / kHoursOfDay + 1},
          {"hour", hour_of_week % kHoursOfDay},
          {"mean", cell ? amount(measure, cell->mean) : Json(nullptr)},
          {"peak", cell ? amount(measure, cell->peak) : Json(nullptr)},
          {"values", cell ? cell->values : 0}};
}

Json days_json(const Pattern& pattern, Measure measure) {
  Json out = Json::array();
  for (std::size_t hour = 0; hour < pattern.size(); ++hour) {
    Json one = hour_json(hour, pattern[hour], measure);
    one.erase("weekday");
    out.push_back(std::move(one));
  }
  return out;
}

Json extreme_json(const Pattern& pattern, Measure measure, bool busiest) {
  std::optional<std::size_t> at;
  for (std::size_t hour = 0; hour < pattern.size(); ++hour)
    if (pattern[hour] &&
        (!at || (busiest ? pattern[hour]->mean > pattern[*at]->mean : pattern[hour]->mean < pattern[*at]->mean)))
      at = hour;
  return at ? hour_json(*at, pattern[*at], measure) : Json(nullptr);
}

}  // namespace

Json pattern_json(const Series& series, EpochMs end, Measure measure, const fleet::Zone& zone) {
  const auto observed =
      static_cast<std::size_t>(std::ranges::count_if(series, [](const auto& one) { return one.has_value(); }));
  Json out = {{"timeZone", zone.name()}, {"history", history_json(series, end, measure, 0)}};
  out["history"].erase("points");
  const bool enough = observed >= kHoursOfWeek;
  out["state"] = enough ? "pattern" : state_of(series, false);
  out["reason"] = enough ? Json(nullptr)
                  : observed > 0
                      ? Json(fmt::format("too little history: {} hours, {} needed: a week", observed, kHoursOfWeek))
                      : Json(kNothing);
  Pattern week, day;
  if (enough) {
    std::vector<std::size_t> of_week, of_day;
    for (std::size_t at = 0; at < series.size(); ++at) {
      // Its middle: an hour of UTC begins within one of the zone's where those are not whole hours apart.
      const EpochMs time = end - static_cast<EpochMs>(series.size() - at) * kForecastHour + kForecastHour / 2;
      of_day.push_back(static_cast<std::size_t>(zone.hour_at(time)));
      of_week.push_back(static_cast<std::size_t>((zone.weekday_at(time) + 6) % 7) * kHoursOfDay + of_day.back());
    }
    week = forecast::usage_pattern(series, of_week, kHoursOfWeek);
    day = forecast::usage_pattern(series, of_day, kHoursOfDay);
  }
  Json items = Json::array();
  for (std::size_t hour = 0; hour < week.size(); ++hour) items.push_back(hour_json(hour, week[hour], measure));
  out["busiest"] = extreme_json(week, measure, true);
  out["quietest"] = extreme_json(week, measure, false);
  out["byHour"] = days_json(day, measure);
  out["items"] = std::move(items);
  return out;
}

namespace {

/// The fullest hour of each day, counted back from the end.
Series fullest_of_days(const Series& held) {
  Series out(held.size() / kHoursOfDay);
  for (std::size_t back = 0; back < out.size(); ++back) {
    const auto day = std::span(held).last((back + 1) * kHoursOfDay).first(kHoursOfDay);
    std::size_t known = 0;
    double most = 0;
    for (const auto& hour : day)
      if (hour) {
        ++known;
        most = std::max(most, *hour);
      }
    if (known >= kKnownHours) out[out.size() - 1 - back] = most;
  }
  return out;
}

Json outlook_json(const forecast::Exhaustion& of) {
  return {{"capacity", of.capacity},
          {"state", forecast::outlook_name(of.outlook)},
          {"fullAt", time_or_null(of.full)},
          {"earliest", time_or_null(of.earliest)},
          {"latest", time_or_null(of.latest)}};
}

double rounded(double value) { return std::round(value * 1e4) / 1e4; }

/// The ledger has parts of hours: what somebody has had but for a moment is had. Of many devices not a whole one.
double least_of(const Pool& pool) {
  constexpr double kOfCapacity = 0.01;
  return pool.slice > 0 ? pool.slice : std::min(1.0, kOfCapacity * pool.capacity);
}

Json trend_json(const forecast::Trend& trend) {
  return {{"level", rounded(trend.level)},
          {"perDay", rounded(trend.a_day)},
          {"perDayLow", rounded(trend.a_day_low)},
          {"perDayHigh", rounded(trend.a_day_high)},
          {"days", trend.days},
          {"neededIn90Days", std::ceil(std::max(forecast::capacity_for(trend, kPlanned), 0.0))}};
}

}  // namespace

Json pool_json(const Pool& pool, const Series& held, EpochMs end, std::optional<double> add) {
  const auto trend = forecast::trend_of(fullest_of_days(held));
  Json out = {{"model", pool.model},
              {"held", amount(Measure::Held, held.empty() ? std::nullopt : held.back())},
              {"missing", pool.missing},
              {"waiting", rounded(pool.waiting)}};
  if (trend) {
    out.update(outlook_json(forecast::exhaustion(*trend, end, pool.capacity, least_of(pool))));
  } else {
    out.update(outlook_json({pool.capacity, {}, {}, {}, {}}));
    out["state"] = state_of(held, false);
  }
  out["reason"] = trend ? Json(nullptr) : out["state"] == "noHistory" ? Json(kNothing) : Json(trend.error().what);
  out["trend"] = trend ? trend_json(*trend) : Json(nullptr);
  out["whatIf"] = nullptr;
  if (trend && add) {
    out["whatIf"] = outlook_json(forecast::exhaustion(*trend, end, pool.capacity + *add, least_of(pool)));
    out["whatIf"]["add"] = *add;
  }
  return out;
}

}  // namespace tessera::server
