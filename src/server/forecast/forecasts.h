#pragma once
// What is forecast: a thread reads what is closed of the ledger, hour by hour, and who asks gets what was made of that
// already, or has it made: one at a time, some milliseconds each, so that no request waits for more than a few.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/latest.h"
#include "fleet/cost/zone.h"
#include "fleet/forecast/capacity.h"
#include "fleet/forecast/forecast.h"
#include "server/cost/costs.h"
#include "server/forecast/past.h"
#include "store/readers.h"

namespace tessera::server {

inline constexpr std::size_t kMostForecastHours = 14 * 24;
inline constexpr double kForecastCoverage = 0.9;  ///< of intervals

/// What comes next in one series. Money is in millionths an hour.
struct MadeForecast {
  EpochMs end = 0;                             ///< of the last closed hour, where the first step begins
  std::vector<std::optional<double>> history;  ///< one value an hour, up to `end`
  std::optional<fleet::forecast::Forecast> forecast;
  std::string why_not;  ///< where there is none
};

/// What a month will have come to.
struct MonthEnd {
  fleet::CostWindow month;
  EpochMs until = 0;  ///< what comes before is in the ledger
  fleet::Micros so_far = 0;
  Milliseconds unknown{0};  ///< of the time up to `until`, what the ledger does not have: as before it began
  std::optional<fleet::forecast::Projection> all;  ///< in millionths; absent where there is no forecast
  std::string why_not;
};

struct ForecastsOptions {
  Milliseconds look_every{30'000};  ///< 0: look() alone
};

/// Thread-safe. What is given outlives it.
class Forecasts {
 public:
  Forecasts(store::Readers& readers, ForecastsOptions options = {});
  ~Forecasts();
  Forecasts(const Forecasts&) = delete;
  Forecasts& operator=(const Forecasts&) = delete;

  /// Null until it has been read for the first time.
  std::shared_ptr<const Past> past() const { return past_.get(); }

  /// Of what `past` has, which is one that past() gave.
  std::shared_ptr<const MadeForecast> make(const std::shared_ptr<const Past>& past, const std::string& scope,
                                           Measure measure, std::size_t hours);
  /// Of the month in which `now` is. Unavailable where the database does not answer.
  Result<std::shared_ptr<const MonthEnd>> month_end(const std::shared_ptr<const Past>& past, const std::string& scope,
                                                    Costs& costs, const fleet::Zone& zone, EpochMs now);

  /// One round of the thread; for tests, too. A stop ends it between two days of the past: the next round reads all
  /// anew.
  void look(const std::stop_token& stop = {});

 private:
  Result<void> read(const std::stop_token& stop);
  /// Backwards, a day at a time; false where it was stopped.
  Result<bool> read_days(EpochMs from, EpochMs to, const std::stop_token& stop);
  Result<void> read_span(EpochMs from, EpochMs to);
  /// Of the window, the time that is in no closed bucket.
  Result<Milliseconds> unknown_in(const fleet::CostWindow& window);
  Result<MonthEnd> make_month(const std::shared_ptr<const Past>& past, const std::string& scope, Costs& costs,
                              const fleet::Zone& zone, EpochMs now);

  store::Readers& readers_;
  const ForecastsOptions options_;
  Latest<Past> past_;
  // The thread's own.
  Past reading_;
  bool complete_ = false;  ///< all of it has been read once
  std::size_t again_ = 0;  ///< days back, of which one is read again each hour
  bool failing_ = false;   ///< said once
  // What was made of one past.
  using Key = std::tuple<std::string, Measure, std::size_t>;
  using MonthKey = std::tuple<std::string, std::string, EpochMs>;  ///< scope, zone, beginning
  std::mutex making_;
  std::weak_ptr<const Past> made_of_;                           // guarded by making_
  std::map<Key, std::shared_ptr<const MadeForecast>> made_;     // guarded by making_
  std::mutex counting_;                                         // held while a month is summed up
  std::weak_ptr<const Past> months_of_;                         // guarded by counting_
  std::map<MonthKey, std::shared_ptr<const MonthEnd>> months_;  // guarded by counting_
  std::jthread thread_;                                         ///< last
};

}  // namespace tessera::server
