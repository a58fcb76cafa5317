#include "fleet/benchmarks/benchmark.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
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
  return (*std::max_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(middle)) + upper) / 2;
}

/// Runs of the driver that ran last.
std::vector<const Record*> of_newest_driver(const std::vector<const Record*>& runs) {
  const Record& newest = **std::ranges::max_element(runs, {}, &Record::time);
  std::vector<const Record*> out;
  for (const Record* one : runs)
    if (one->driver == newest.driver) out.push_back(one);
  return out;
}

Compared compared(const std::vector<const Record*>& all, const std::vector<Price>& prices) {
  const auto runs = of_newest_driver(all);
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
  const bool higher = runs.front()->better == Better::Higher;
  const auto per = [&](double cost) { return higher ? out.median / cost : out.median * cost; };
  if (const auto price = std::ranges::find(prices, out.model, &Price::model);
      price != prices.end() && price->per_hour > 0) {
    out.per_hour = price->per_hour;
    out.per_money = per(static_cast<double>(price->per_hour) / kUnit);
  }
  if (!watts.empty()) out.per_watt = per(median(std::move(watts)));
  return out;
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

std::optional<Regression> regression(std::vector<const Record*> runs) {
  if (runs.size() < kNewestRuns + kLeastBefore) return std::nullopt;
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
  return out;
}

}  // namespace

std::string_view better_name(Better better) { return better == Better::Higher ? "higher" : "lower"; }

std::optional<Better> better_named(std::string_view name) {
  if (name == "higher") return Better::Higher;
  if (name == "lower") return Better::Lower;
  return std::nullopt;
}

Result<void> check(const Record& record) {
  constexpr std::size_t kLongest = 200;
  const std::pair<const char*, const std::string&> texts[] = {{"model", record.model}, {"driver", record.driver},
                                                              {"name", record.name},   {"version", record.version},
                                                              {"unit", record.unit},   {"source", record.source}};
  for (const auto& [member, text] : texts)
    if (text.size() > kLongest) return fail(Code::Invalid, "{}: {} letters at most expected", member, kLongest);
  for (const auto& [member, text] : {texts[0], texts[2], texts[4]})
    if (text.empty()) return fail(Code::Invalid, "{}: a text expected", member);
  if (!std::isfinite(record.value) || record.value <= 0) return fail(Code::Invalid, "value: a number above 0 expected");
  if (record.watts && (!std::isfinite(*record.watts) || *record.watts <= 0))
    return fail(Code::Invalid, "watts: a number above 0 expected, or nothing");
  if (record.time <= 0) return fail(Code::Invalid, "time: a time expected, as 2026-01-31T12:00:00Z");
  return {};
}

std::vector<Comparison> compare(const std::vector<Record>& records, const std::vector<Price>& prices) {
  std::map<SeriesKey, std::map<std::string, std::vector<const Record*>>> series;
  for (const Record& one : records) series[key_of(one)][one.model].push_back(&one);
  std::vector<Comparison> out;
  for (const auto& [key, models] : series) {
    Comparison one;
    std::tie(one.name, one.version, one.unit, one.better) = key;
    for (const auto& [model, runs] : models) one.models.push_back(compared(runs, prices));
    const double sign = one.better == Better::Higher ? -1 : 1;
    std::ranges::sort(one.models, {}, [sign](const Compared& of) { return std::pair(sign * of.median, of.model); });
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

std::vector<Regression> regressions(const std::vector<Record>& records) {
  std::map<std::pair<std::string, SeriesKey>, std::vector<const Record*>> series;
  for (const Record& one : records) series[{one.model, key_of(one)}].push_back(&one);
  std::vector<Regression> out;
  for (auto& [key, runs] : series)
    if (auto one = regression(std::move(runs))) out.push_back(*std::move(one));
  std::ranges::sort(out, {},
                    [](const Regression& one) { return std::tuple(-one.worse, one.model, one.name, one.version); });
  return out;
}

}  // namespace tessera::fleet::benchmarks
