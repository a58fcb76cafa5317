#include "server/forecast/forecasts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/every.h"
#include "base/log.h"
#include "fleet/cost/ledger.h"
#include "fleet/cost/window.h"
#include "store/budgets.h"
#include "store/cost_ledger.h"

namespace tessera::server {
namespace {

constexpr EpochMs kDay = 24 * kForecastHour;
constexpr EpochMs kLateCorrections = 25 * kForecastHour;  ///< these are read again each hour
constexpr std::size_t kDaysRead = Past::kHours / 24;
constexpr std::size_t kMostMade = 512, kMostMonths = 256;
constexpr EpochMs kMostBehind = 14 * kDay;  ///< of a ledger that projections still go on from

EpochMs hour_of(EpochMs time) { return time / kForecastHour * kForecastHour; }

/// The end of the last hour that is closed; absent where none is.
Result<std::optional<EpochMs>> closed_until(store::Readers& readers) {
  std::optional<EpochMs> out;
  TRY(readers.with([&](store::Database& database) -> Result<void> {
    if (const auto newest = TRY(store::newest_cost_bucket(database)))
      out = hour_of(*newest + fleet::kCostBucket.count());
    return {};
  }));
  return out;
}

fleet::CostWindow month_of(EpochMs now, const fleet::Zone& zone) {
  fleet::Day first = zone.day_at(now);
  first.day = 1;
  return {zone.begin_of(first), fleet::end_of_month(now, zone)};
}

/// Whether a row of the ledger is of a scope: of a team what it had, of others all.
bool is_of(const fleet::CostRow& row, const std::string& scope) {
  if (scope == kFleetScope) return true;
  if (scope == model_scope(row.subject->model)) return true;
  return row.owner && fleet::is_allocated(row.kind) && !row.owner->team.empty() && scope == team_scope(row.owner->team);
}

}  // namespace

Forecasts::Forecasts(store::Readers& readers, ForecastsOptions options) : readers_(readers), options_(options) {
  if (options_.look_every.count() == 0) return;
  thread_ = std::jthread(
      [this](const std::stop_token& stop) { every(options_.look_every, stop, [this, &stop] { look(stop); }); });
}

Forecasts::~Forecasts() { thread_ = {}; }

void Forecasts::look(const std::stop_token& stop) {
  const auto done = read(stop);
  if (!done && !failing_)
    log::error("what forecasts are made of cannot be read; it is tried again", {{"why", done.error().what}});
  failing_ = !done;
}

Result<void> Forecasts::read(const std::stop_token& stop) {
  const auto until = TRY(closed_until(readers_));
  const EpochMs end = until.value_or(0);
  if (complete_ && end <= reading_.end()) return {};
  const EpochMs before = reading_.end();
  reading_.advance(end);
  const EpochMs oldest = std::max<EpochMs>(reading_.begin(), 0);
  const bool again = complete_;
  complete_ = false;  // where the database goes meanwhile, all is read anew
  const EpochMs from = again ? std::max(std::min(before, end - kLateCorrections), oldest) : oldest;
  if (!TRY(read_days(from, end, stop))) return {};
  if (again) {
    // What is corrected later is seen when its day comes by: all of them within some days.
    again_ = again_ % (kDaysRead - 1) + 1;
    const EpochMs day = end - static_cast<EpochMs>(again_) * kDay;
    TRY(read_span(day - kDay, day));
  }
  complete_ = true;
  past_.publish(Past(reading_));
  return {};
}

Result<bool> Forecasts::read_days(EpochMs from, EpochMs to, const std::stop_token& stop) {
  for (; to > from; to -= kDay) {
    if (stop.stop_requested()) return false;
    TRY(read_span(to - kDay, to));
  }
  return true;
}

Result<void> Forecasts::read_span(EpochMs from, EpochMs to) {
  PastChunk chunk{.from = std::max<EpochMs>(from, 0), .to = to, .ledger = {}, .closed = {}, .queue = {}};
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    chunk.closed = TRY(store::closed_hours(database, chunk.from, chunk.to));
    if (!chunk.closed.empty()) chunk.ledger = TRY(store::ledger_hours(database, chunk.from, chunk.to));
    chunk.queue = TRY(store::queue_hours(database, chunk.from, chunk.to));
    return {};
  }));
  reading_.take(chunk);
  return {};
}

std::shared_ptr<const MadeForecast> Forecasts::make(const std::shared_ptr<const Past>& past, const std::string& scope,
                                                    Measure measure, std::size_t hours) {
  const std::lock_guard lock(making_);
  if (made_of_.lock() != past || made_.size() >= kMostMade) made_.clear();
  made_of_ = past;
  auto& known = made_[{scope, measure, hours}];
  if (known) return known;
  auto made = std::make_shared<MadeForecast>();
  made->end = past->end();
  made->history = past->series(scope, measure);
  auto forecast =
      fleet::forecast::forecast(made->history, {.horizon = hours, .seasons = {}, .coverage = kForecastCoverage});
  if (forecast)
    made->forecast = *std::move(forecast);
  else
    made->why_not = forecast.error().what;
  known = std::move(made);
  return known;
}

Result<std::shared_ptr<const MonthEnd>> Forecasts::month_end(const std::shared_ptr<const Past>& past,
                                                             const std::string& scope, Costs& costs,
                                                             const fleet::Zone& zone, EpochMs now) {
  const MonthKey key{scope, zone.name(), month_of(now, zone).from};
  const std::lock_guard lock(counting_);
  if (months_of_.lock() != past || months_.size() >= kMostMonths) months_.clear();
  months_of_ = past;
  auto& known = months_[key];
  if (!known) known = std::make_shared<const MonthEnd>(TRY(make_month(past, scope, costs, zone, now)));
  return known;
}

Result<Milliseconds> Forecasts::unknown_in(const fleet::CostWindow& window) {
  Milliseconds out{window.to - window.from};
  TRY(readers_.with([&](store::Database& database) -> Result<void> {
    const auto closed = TRY(store::closed_buckets(database, window.from, window.to));
    out -= fleet::kCostBucket * static_cast<std::int64_t>(closed.size());
    return {};
  }));
  return out;
}

Result<MonthEnd> Forecasts::make_month(const std::shared_ptr<const Past>& past, const std::string& scope, Costs& costs,
                                       const fleet::Zone& zone, EpochMs now) {
  MonthEnd out{
      .month = month_of(now, zone), .until = past->end(), .so_far = 0, .unknown = {}, .all = {}, .why_not = {}};
  if (out.until > out.month.from) {
    const fleet::CostWindow so_far{out.month.from, std::min(out.until, out.month.to)};
    out.unknown = TRY(unknown_in(so_far));
    const CostsKnown known = TRY(costs.known({&so_far, 1}, zone, now));
    for (const fleet::CostRow& row : known.ledger.rows)
      if (is_of(row, scope) && __builtin_add_overflow(out.so_far, row.amount.micros, &out.so_far))
        return fail(Code::Invalid, "forecast of {}: the costs of {} are beyond 64 bits", zone.format(out.month.from),
                    scope);
  }
  if (now - out.until > kMostBehind) {
    out.why_not = fmt::format("the ledger is closed until {} only, more than 14 days ago", format_time(out.until));
    return out;
  }
  const double hour = static_cast<double>(kForecastHour);
  const double from = static_cast<double>(std::max(out.month.from - out.until, EpochMs{0})) / hour;
  const double to = static_cast<double>(std::max(out.month.to - out.until, EpochMs{0})) / hour;
  const auto steps = std::max<std::size_t>(static_cast<std::size_t>(to) + 1, 1);
  const auto made = make(past, scope, Measure::Cost, steps);
  out.why_not = made->why_not;
  if (made->forecast)
    out.all = TRY(fleet::forecast::project(static_cast<double>(out.so_far), *made->forecast, from, to));
  return out;
}

}  // namespace tessera::server
