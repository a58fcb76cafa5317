// How good forecasts are on published series, in the measures of the M competitions.
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <numbers>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/text.h"
#include "bench/arguments.h"
#include "bench/forecast/wide_csv.h"
#include "fleet/forecast/forecast.h"

namespace {

using namespace tessera;
using fleet::forecast::Values;

constexpr const char* kAbout =
    "forecast_bench: forecasts every series of a table from its history and prints how far that was from what came: "
    "the "
    "means over series of sMAPE (percent) and MASE, and OWA, both as a part of what Naive2 has on the same series, "
    "averaged.";
constexpr const char* kFooter =
    "Tables are M4's wide CSV: a header, then a series a line, its name first. Exit status: 0, 1 for a failure, 2 for "
    "a wrong "
    "command line.";

struct Wanted {
  std::string train, test, season = "24", horizon = "48", coverage = "0.9";
  bool methods = false, speed = false;
};

struct Case {
  std::string name;
  std::vector<std::optional<double>> history;
  Values known, actual;
};

struct Score {
  double smape = 0, mase = 0;
  std::size_t series = 0, scaled = 0;

  void add(const Case& one, std::span<const double> forecast, std::size_t season) {
    smape += fleet::forecast::smape(one.actual, forecast);
    ++series;
    if (const auto mase_of_one = fleet::forecast::mase(one.known, one.actual, forecast, season)) {
      mase += *mase_of_one;
      ++scaled;
    }
  }
  double mean_smape() const { return smape / static_cast<double>(series); }
  double mean_mase() const { return mase / static_cast<double>(scaled); }
  double owa(const Score& naive2) const {
    return fleet::forecast::owa(mean_smape(), mean_mase(), naive2.mean_smape(), naive2.mean_mase());
  }
};

Result<std::vector<bench::NamedSeries>> read(const std::string& file) {
  const std::string text = TRY(read_file(file));
  auto series = bench::read_wide_csv(text);
  if (!series) return fail(Code::Invalid, "{}: {}", file, series.error().what);
  return series;
}

Result<std::vector<Case>> read_cases(const Wanted& wanted, std::size_t horizon) {
  const auto train = TRY(read(wanted.train)), test = TRY(read(wanted.test));
  std::map<std::string_view, const Values*> came;
  for (const auto& series : test) came[series.name] = &series.values;
  std::vector<Case> cases;
  for (const auto& series : train) {
    const auto found = came.find(series.name);
    if (found == came.end())
      return fail(Code::Invalid, "{}: no series '{}', which {} has", wanted.test, series.name, wanted.train);
    if (found->second->size() < horizon)
      return fail(Code::Invalid, "{}: series '{}' has {} values, {} expected", wanted.test, series.name,
                  found->second->size(), horizon);
    if (series.values.empty()) return fail(Code::Invalid, "{}: series '{}' is empty", wanted.train, series.name);
    cases.push_back({series.name, {series.values.begin(), series.values.end()}, series.values, *found->second});
    cases.back().actual.resize(horizon);
  }
  if (cases.empty()) return fail(Code::Invalid, "{}: it has no series", wanted.train);
  return cases;
}

/// The process's own, so that others on the machine do not count.
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) + static_cast<double>(usage.ru_utime.tv_usec) / 1e6;
}

struct Ours {
  Score score;
  std::size_t within = 0, values = 0;  ///< within the interval, of so many
  double seconds = 0;
};

Result<Ours> forecast_all(const std::vector<Case>& cases, const fleet::forecast::Options& options) {
  Ours ours;
  for (const Case& one : cases) {
    const double start = cpu_seconds();
    const auto forecast = fleet::forecast::forecast(one.history, options);
    ours.seconds += cpu_seconds() - start;
    if (!forecast) return fail(forecast.error().code, "series '{}': {}", one.name, forecast.error().what);
    Values values;
    for (std::size_t i = 0; i < options.horizon; ++i) {
      const auto& step = forecast->steps[i];
      values.push_back(step.value);
      ours.within += one.actual[i] >= step.low && one.actual[i] <= step.high;
    }
    ours.values += options.horizon;
    ours.score.add(one, values, options.seasons.day);
  }
  return ours;
}

void print_row(std::string_view name, const Score& score, const Score& naive2, std::string_view rest) {
  fmt::print("| {} | {:.2f} | {:.3f} | {:.3f} | {} |\n", name, score.mean_smape(), score.mean_mase(), score.owa(naive2),
             rest);
}

void print_table(const std::vector<Case>& cases, const fleet::forecast::Options& options, const Ours& ours,
                 const Score& naive2) {
  fmt::print("| method | sMAPE | MASE | OWA | |\n| --- | --- | --- | --- | --- |\n");
  for (const auto& method : fleet::forecast::methods()) {
    Score score;
    for (const Case& one : cases)
      if (const auto path = fleet::forecast::forecast_by(method, one.history, options))
        score.add(one, *path, options.seasons.day);
    print_row(method.name, score, naive2, score.series == cases.size() ? "" : fmt::format("{} series", score.series));
  }
  print_row("Naive2", naive2, naive2, "");
  print_row("combination", ours.score, naive2,
            fmt::format("{:.1f} % within {:.0f} %; {:.2f} ms a series",
                        100 * static_cast<double>(ours.within) / static_cast<double>(ours.values),
                        100 * options.coverage, 1000 * ours.seconds / static_cast<double>(cases.size())));
}

/// Days and weekends, a trend and noise.
std::vector<std::optional<double>> made_up(std::size_t values, std::mt19937& random) {
  std::normal_distribution<double> noise(0, 4);
  std::vector<std::optional<double>> out;
  for (std::size_t t = 0; t < values; ++t) {
    const double hour = static_cast<double>(t % 24), weekend = t % 168 >= 120 ? 0.5 : 1;
    out.emplace_back(60 + 0.01 * static_cast<double>(t) + 30 * weekend * std::sin(hour / 12 * std::numbers::pi) +
                     noise(random));
  }
  return out;
}

/// The goal: so many series of so many values in so many seconds of one core. A failure where it is missed.
Result<void> measure_speed() {
  constexpr std::size_t kSeries = 10'000, kValues = 744;
  constexpr double kGoal = 20;
  std::mt19937 random(1);
  double seconds = 0;
  for (std::size_t i = 0; i < kSeries; ++i) {
    const auto history = made_up(kValues, random);
    const double start = cpu_seconds();
    const auto made = fleet::forecast::forecast(history);
    seconds += cpu_seconds() - start;
    if (!made) return made.error();
  }
  fmt::print("{} series of {} values: {:.1f} s of one core; goal: {:.0f} s\n", kSeries, kValues, seconds, kGoal);
  if (seconds > kGoal) return fail(Code::Invalid, "speed: {:.1f} s, {:.0f} s at most", seconds, kGoal);
  return {};
}

Result<void> compare(const Wanted& wanted) {
  if (wanted.speed) return measure_speed();
  if (wanted.train.empty() || wanted.test.empty())
    return fail(Code::Invalid, "--train and --test, or --speed, are needed");
  const auto season = parse_int(wanted.season), horizon = parse_int(wanted.horizon);
  const auto coverage = parse_double(wanted.coverage);
  if (!season || *season < 1 || *season > 10'000)
    return fail(Code::Invalid, "--season '{}': a whole number from 1 to 10000 expected", wanted.season);
  if (!horizon || *horizon < 1 || *horizon > 10'000)
    return fail(Code::Invalid, "--horizon '{}': a whole number from 1 to 10000 expected", wanted.horizon);
  if (!coverage) return fail(Code::Invalid, "--coverage '{}': a number expected", wanted.coverage);
  const auto day = static_cast<std::size_t>(*season);
  const fleet::forecast::Options options{static_cast<std::size_t>(*horizon), {day, day > 1 ? 7 * day : 1}, *coverage};
  const auto cases = TRY(read_cases(wanted, options.horizon));

  Score naive2;
  for (const Case& one : cases) naive2.add(one, fleet::forecast::naive2(one.known, day, options.horizon), day);
  const Ours ours = TRY(forecast_all(cases, options));
  if (wanted.methods) return print_table(cases, options, ours, naive2), Result<void>{};
  fmt::print("sMAPE {:.4f}\nMASE {:.4f}\nOWA {:.4f}\n", ours.score.mean_smape(), ours.score.mean_mase(),
             ours.score.owa(naive2));
  return {};
}

void add_flags(CLI::App& app, Wanted& wanted) {
  app.add_option("--train", wanted.train, "histories")->type_name("FILE");
  app.add_option("--test", wanted.test, "what came, the same series by name")->type_name("FILE");
  app.add_option("--season", wanted.season, "steps of the shorter season; the longer one is seven of them [24]")
      ->type_name("N");
  app.add_option("--horizon", wanted.horizon, "steps [48]")->type_name("N");
  app.add_flag("--methods", wanted.methods,
               "a table instead, for every single method too, with the share of values within the interval");
  app.add_flag("--speed", wanted.speed, "instead: 10,000 made up series of 744 values; fails above 20 s of CPU time");
  app.add_option("--coverage", wanted.coverage, "of the interval [0.9]")->type_name("P");
}

}  // namespace

int main(int argc, char** argv) {
  Wanted wanted;
  config::CommandLine command("forecast_bench", TESSERA_VERSION, kAbout, kFooter);
  add_flags(command.app(), wanted);
  return bench::main_of(command, argc, argv, "forecast_bench", [&] { return compare(wanted); });
}
