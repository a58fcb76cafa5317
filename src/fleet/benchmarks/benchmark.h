#pragma once
// What benchmarks came to on the models of GPUs: compared by money and by power, and over time. Pure.
#include <cstdint>
#include <limits>
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

/// Whether it may be kept: Invalid with the member and what was expected there. A value is a number above 0, a time not
/// behind `latest`, and a text has no blanks around it.
Result<void> check(const Record& record, EpochMs latest = std::numeric_limits<EpochMs>::max());

/// The same run: all but value and watts.
bool is_same_run(const Record& a, const Record& b);
/// Of a run: 32 hex digits, ever the same.
std::string id_of(const Record& record);

inline constexpr std::size_t kMostRecords = 10'000;  ///< in one file

struct Refusal {
  std::size_t at = 0;  ///< line of a CSV or number in a list, from 1
  std::string why;
};
/// What a file comes to: each record that is wrong is left out and told.
struct ReadRecords {
  std::vector<Record> taken;
  std::vector<Refusal> refused;
};

/// "model,driver,name,…" with these columns, in any order; others are refused, `driver`, `version`, `source` and
/// `watts` may lack. Invalid with the line, which counts from 1, where nothing can be told of what follows: for a head
/// that is wrong, quotes that do not end, too many records.
Result<ReadRecords> read_csv(std::string_view text, EpochMs latest = std::numeric_limits<EpochMs>::max());
/// read_csv() reads from it what was written.
std::string to_csv(const std::vector<Record>& records);

/// What becomes of those that are kept when others come.
struct Merged {
  std::vector<Record> changed;  ///< new ones and those that are corrected, each run once
  std::size_t added = 0, corrected = 0, unchanged = 0;
};
/// Of a run that comes twice the later one counts, and corrects the other where it says otherwise.
Merged merge(const std::vector<Record>& known, const std::vector<Record>& come);

enum class By : std::uint8_t { Model, Driver };
enum class Watts : std::uint8_t { Measured, Limit };
/// Beside the one that all are held against.
enum class Verdict : std::uint8_t { Baseline, Better, Worse, Same };
std::string_view verdict_name(Verdict verdict);  ///< "better"

/// A model, or a driver, in a benchmark. Medians stand for the runs.
struct Compared {
  std::string model;
  std::string driver;  ///< of models the one that ran last, whose runs alone count
  std::size_t runs = 0;
  double median = 0;
  double spread = 0;  ///< median distance from the median
  EpochMs first = 0, last = 0;
  std::optional<double> ratio;  ///< to the baseline's median; absent where the baseline has no runs
  std::optional<Verdict> verdict;
  std::optional<Micros> per_hour;  ///< what the model costs
  /// Higher is better: value over money of an hour. Lower: value times money of an hour, and lower is better again.
  std::optional<double> per_money;
  std::optional<double> watts;  ///< median of what was drawn, else the limit of the model's boards
  Watts watts_from = Watts::Measured;
  std::optional<double> per_watt;  ///< likewise
};
/// Runs of one name, version, unit and direction: others cannot be compared.
struct Comparison {
  std::string name, version, unit;
  Better better = Better::Higher;
  std::string model;           ///< that the drivers ran on; empty where models are compared
  std::string baseline;        ///< model or driver
  std::vector<Compared> rows;  ///< the best first
};
struct Price {
  std::string model;
  Micros per_hour = 0;
};
struct PowerLimit {
  std::string model;
  double watts = 0;
};
struct CompareHow {
  By by = By::Model;
  std::optional<std::string> baseline;  ///< absent: the best model, or the driver that ran first
  std::vector<Price> prices;
  std::vector<PowerLimit> limits;
};
/// By name and version, then model.
std::vector<Comparison> compare(const std::vector<Record>& records, const CompareHow& how);

/// The newest five runs are worse than the ten to thirty before them.
struct Regression {
  std::string model, name, version, unit;
  Better better = Better::Higher;
  std::string driver_before, driver_now;  ///< of the newest of each
  double before = 0, now = 0;             ///< medians
  double worse = 0;                       ///< by so much of `before`
  double p = 1;
  std::size_t runs_before = 0, runs_now = 0;
  EpochMs since = 0;  ///< time of the first of the newest
};
struct Watched {
  std::vector<Regression> regressions;  ///< the worst first
  std::size_t judged = 0;               ///< models in benchmarks with enough runs
  std::size_t too_few = 0;              ///< with fewer: nothing is said of them
};
inline constexpr std::size_t kNewestRuns = 5, kLeastBefore = 10, kMostBefore = 30;
inline constexpr double kSignificance = 0.001;  ///< one of a thousand that are as ever is told at most
inline constexpr double kLeastWorse = 0.05;     ///< what is less does not matter to anybody
/// By an exact rank test (Mann-Whitney, one-sided, ties by mid-ranks), which asks of the noise only that it be the same
/// before and after.
Watched watch(const std::vector<Record>& records);

/// Probability that of all values at random as many as `now` has are as small together by rank as `now` is, or smaller.
double rank_test(const std::vector<double>& before, const std::vector<double>& now);

}  // namespace tessera::fleet::benchmarks
