#include "fleet/benchmarks/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <tuple>

namespace tessera::fleet::benchmarks {
namespace {

using SeriesKey = std::tuple<std::string, std::string, std::string, Better>;  ///< name, version, unit, direction

SeriesKey key_of(const Record& one) { return {one.name, one.version, one.unit, one.better}; }

double median(std::vector<double> values) {
  const std::size_t middle = values.size() / 2;
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(middle));
  const double upper = values[middle];
  if (values.size() % 2 == 1) return upper;
  return std::midpoint(*std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle)), upper);
}

using Runs = std::vector<const Record*>;

/// Runs of the driver that ran last.
Runs of_newest_driver(const Runs& runs) {
  const Record& newest = **std::ranges::max_element(runs, {}, &Record::time);
  Runs out;
  for (const Record* one : runs)
    if (one->driver == newest.driver) out.push_back(one);
  return out;
}

/// What is known of the power of a model that did not measure its own.
void add_watts(Compared& into, std::vector<double> measured, const std::vector<PowerLimit>& limits) {
  if (!measured.empty()) {
    into.watts = median(std::move(measured));
  } else if (const auto limit = std::ranges::find(limits, into.model, &PowerLimit::model); limit != limits.end()) {
    into.watts = limit->watts;
    into.watts_from = Watts::Limit;
  }
}

Compared compared(const Runs& runs, const CompareHow& how) {
  std::vector<double> values, watts;
  for (const Record* one : runs) {
    values.push_back(one->value);
    if (one->watts) watts.push_back(*one->watts);
  }
  Compared out;
  out.model = runs.front()->model;
  out.driver = runs.front()->driver;
  out.runs = runs.size();
  out.median = median(values);
  for (double& one : values) one = std::abs(one - out.median);
  out.spread = median(std::move(values));
  const auto [first, last] = std::ranges::minmax(runs, {}, &Record::time);
  out.first = first->time;
  out.last = last->time;
  const bool higher = runs.front()->better == Better::Higher;
  const auto per = [&](double cost) { return higher ? out.median / cost : out.median * cost; };
  if (const auto price = std::ranges::find(how.prices, out.model, &Price::model);
      price != how.prices.end() && price->per_hour > 0) {
    out.per_hour = price->per_hour;
    out.per_money = per(static_cast<double>(price->per_hour) / kUnit);
  }
  add_watts(out, std::move(watts), how.limits);
  if (out.watts) out.per_watt = per(*out.watts);
  return out;
}

/// Holds the rows, of which there are some, against one of them.
void judge(Comparison& into, const CompareHow& how) {
  const double sign = into.better == Better::Higher ? -1 : 1;
  const auto name = how.by == By::Model ? &Compared::model : &Compared::driver;
  std::ranges::sort(into.rows, {},
                    [sign](const Compared& of) { return std::tuple(sign * of.median, of.model, of.driver); });
  into.baseline = how.baseline.value_or(std::invoke(
      name, how.by == By::Model ? into.rows.front() : *std::ranges::min_element(into.rows, {}, [](const Compared& of) {
        return std::pair(of.first, of.driver);
      })));
  const auto base = std::ranges::find(into.rows, into.baseline, name);
  if (base == into.rows.end()) return;
  const double median_of_base = base->median;
  for (Compared& one : into.rows) {
    one.ratio = one.median / median_of_base;
    one.verdict = &one == &*base                              ? Verdict::Baseline
                  : one.median == median_of_base              ? Verdict::Same
                  : sign * one.median < sign * median_of_base ? Verdict::Better
                                                              : Verdict::Worse;
  }
}

/// Twice the ranks from 1, so that mid-ranks are whole.
std::vector<std::size_t> doubled_ranks(const std::vector<double>& values) {
  std::vector<std::size_t> out;
  for (const double one : values) {
    std::size_t below = 0, same = 0;
    for (const double other : values) {
      below += other < one ? 1 : 0;
      same += other == one ? 1 : 0;
    }
    out.push_back(2 * below + same + 1);
  }
  return out;
}

/// Of runs that are enough.
std::optional<Regression> regression(Runs runs) {
  std::ranges::sort(runs, {}, [](const Record* one) { return std::pair(one->time, one->value); });
  const bool higher = runs.front()->better == Better::Higher;
  std::vector<double> before, now, signed_before, signed_now;
  const std::size_t split = runs.size() - kNewestRuns;
  for (std::size_t i = split - std::min(split, kMostBefore); i < runs.size(); ++i) {
    const double value = runs[i]->value;
    (i < split ? before : now).push_back(value);
    (i < split ? signed_before : signed_now).push_back(higher ? value : -value);
  }
  Regression out;
  out.before = median(before);
  out.now = median(now);
  out.worse = (higher ? out.before - out.now : out.now - out.before) / out.before;
  out.p = rank_test(signed_before, signed_now);
  if (out.worse < kLeastWorse || out.p > kSignificance) return std::nullopt;
  const Record& last = *runs.back();
  out.model = last.model;
  out.name = last.name;
  out.version = last.version;
  out.unit = last.unit;
  out.better = last.better;
  out.driver_before = runs[split - 1]->driver;
  out.driver_now = last.driver;
  out.runs_before = before.size();
  out.runs_now = now.size();
  out.since = runs[split]->time;
  return out;
}

}  // namespace

std::string_view verdict_name(Verdict verdict) {
  constexpr std::string_view kNames[] = {"baseline", "better", "worse", "same"};
  return kNames[static_cast<std::size_t>(verdict)];
}

std::vector<Comparison> compare(const std::vector<Record>& records, const CompareHow& how) {
  const bool by_driver = how.by == By::Driver;
  std::map<std::pair<SeriesKey, std::string>, std::map<std::string, Runs>> series;
  for (const Record& one : records)
    series[{key_of(one), by_driver ? one.model : ""}][by_driver ? one.driver : one.model].push_back(&one);
  std::vector<Comparison> out;
  for (const auto& [key, rows] : series) {
    Comparison one;
    std::tie(one.name, one.version, one.unit, one.better) = key.first;
    one.model = key.second;
    for (const auto& [name, runs] : rows) one.rows.push_back(compared(by_driver ? runs : of_newest_driver(runs), how));
    judge(one, how);
    out.push_back(std::move(one));
  }
  return out;
}

double rank_test(const std::vector<double>& before, const std::vector<double>& now) {
  if (before.empty() || now.empty()) return 1;
  std::vector<double> all = now;
  all.insert(all.end(), before.begin(), before.end());
  const auto ranks = doubled_ranks(all);
  std::size_t observed = 0;
  for (std::size_t i = 0; i < now.size(); ++i) observed += ranks[i];
  // ways[k][s]: choices of k of them whose ranks come to s.
  std::vector<std::vector<double>> ways(now.size() + 1, std::vector<double>(observed + 1, 0));
  ways[0][0] = 1;
  for (const std::size_t rank : ranks)
    for (std::size_t count = now.size(); count > 0; --count)
      for (std::size_t sum = observed; sum + 1 > rank; --sum) ways[count][sum] += ways[count - 1][sum - rank];
  double as_small = 0, every = 1;
  for (const double one : ways[now.size()]) as_small += one;
  for (std::size_t i = 0; i < now.size(); ++i)
    every *= static_cast<double>(all.size() - i) / static_cast<double>(i + 1);
  return as_small / every;
}

Watched watch(const std::vector<Record>& records) {
  std::map<std::pair<std::string, SeriesKey>, Runs> series;
  for (const Record& one : records) series[{one.model, key_of(one)}].push_back(&one);
  Watched out;
  for (auto& [key, runs] : series) {
    const bool enough = runs.size() >= kNewestRuns + kLeastBefore;
    ++(enough ? out.judged : out.too_few);
    if (!enough) continue;
    if (auto one = regression(std::move(runs))) out.regressions.push_back(*std::move(one));
  }
  std::ranges::sort(out.regressions, {},
                    [](const Regression& one) { return std::tuple(-one.worse, one.model, one.name, one.version); });
  return out;
}

}  // namespace tessera::fleet::benchmarks
