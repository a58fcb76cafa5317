#pragma once
// What benchmarks came to on the models of GPUs: compared by money and by power, and over time. Pure.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "base/result.h"
#include "fleet/cost/money.h"

namespace tessera::fleet::benchmarks {

enum class Better : std::uint8_t { Higher, Lower };
std::string_view better_name(Better better);  ///< "higher"
std::optional<Better> better_named(std::string_view name);

/// One run.
struct Record {
  std::string model;   ///< of GPU: "H100_80GB"
  std::string driver;  ///< empty: not told
  std::string name;    ///< "llama-3.1-8b tokens"
  std::string version;
  double value = 0;
  std::string unit;  ///< "tokens/s"
  Better better = Better::Higher;
  std::string source;  ///< who measured, and where
  EpochMs time = 0;
  std::optional<double> watts;  ///< that the board drew meanwhile, on average
  bool operator==(const Record&) const = default;
};

/// Whether it may be kept: Invalid with the member and what was expected there. A value is a number above 0.
Result<void> check(const Record& record);

inline constexpr std::size_t kMostRecords = 10'000;  ///< in one file

/// "model,driver,name,…" with these columns, in any order; others are refused, `driver`, `version`, `source` and
/// `watts` may lack. Invalid with the line, which counts from 1, for the first one that is wrong: then nothing of it is
/// taken.
Result<std::vector<Record>> read_csv(std::string_view text);
std::string to_csv(const std::vector<Record>& records);

/// One model in a benchmark: of its newest driver, where several are told. Medians stand for the runs.
struct Compared {
  std::string model;
  std::string driver;
  std::size_t runs = 0;
  double median = 0;
  double spread = 0;               ///< median distance from the median
  std::optional<Micros> per_hour;  ///< what the model costs
  /// Higher is better: value over money of an hour. Lower: value times money of an hour, and lower is better again.
  std::optional<double> per_money;
  std::optional<double> per_watt;  ///< likewise, by the median of what was drawn
};
/// Runs of one name, version, unit and direction: others cannot be compared.
struct Comparison {
  std::string name, version, unit;
  Better better = Better::Higher;
  std::vector<Compared> models;  ///< the best first
};
struct Price {
  std::string model;
  Micros per_hour = 0;
};
/// By name and version.
std::vector<Comparison> compare(const std::vector<Record>& records, const std::vector<Price>& prices);

/// The newest five runs are worse than the ten to thirty before them.
struct Regression {
  std::string model, name, version, unit;
  Better better = Better::Higher;
  std::string driver_before, driver_now;  ///< of the newest of each
  double before = 0, now = 0;             ///< medians
  double worse = 0;                       ///< by so much of `before`
  double p = 1;
  std::size_t runs_before = 0, runs_now = 0;
};
inline constexpr std::size_t kNewestRuns = 5, kLeastBefore = 10, kMostBefore = 30;
inline constexpr double kSignificance = 0.001;  ///< one of a thousand that are as ever is told at most
inline constexpr double kLeastWorse = 0.05;     ///< what is less does not matter to anybody
/// By an exact rank test (Mann-Whitney, one-sided, ties by mid-ranks), which asks of the noise only that it be the same
/// before and after; the worst first. Of fewer runs nothing is said.
std::vector<Regression> regressions(const std::vector<Record>& records);

/// Probability that of all values at random as many as `now` has are as small together by rank as `now` is, or smaller.
double rank_test(const std::vector<double>& before, const std::vector<double>& now);

}  // namespace tessera::fleet::benchmarks
