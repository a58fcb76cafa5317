#pragma once
// The last weeks by the hour, as the cost ledger and the queue tell them: what forecasts are made of. A copy in memory,
// bounded by its hours and scopes. Pure.
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "fleet/cost/money.h"
#include "store/forecast_hours.h"

namespace tessera::server {

inline constexpr EpochMs kForecastHour = 3'600'000;

enum class Measure : std::uint8_t {
  Usage,   ///< GPUs that worked
  Demand,  ///< GPUs that somebody had or waited for
  Cost,    ///< money an hour, in millionths
  Held     ///< GPUs that somebody had
};
std::string_view measure_name(Measure measure);  ///< "usage"

/// Of whom: `fleet`, `team:NAME` or `model:NAME`.
inline constexpr std::string_view kFleetScope = "fleet";
std::string team_scope(std::string_view team);
std::string model_scope(std::string_view model);
bool is_scope(std::string_view text);

/// Hours of the ledger and of the queue, as they were read.
struct PastChunk {
  EpochMs from = 0, to = 0;  ///< beginnings of hours
  std::vector<store::LedgerHour> ledger;
  std::vector<EpochMs> closed;
  std::vector<store::QueueHour> queue;
};

class Past {
 public:
  static constexpr std::size_t kHours = 8 * 168;
  static constexpr std::size_t kMostScopes = 300;  ///< 54 KB each

  EpochMs end() const { return end_; }
  EpochMs begin() const { return end_ - static_cast<EpochMs>(kHours) * kForecastHour; }

  /// Hours up to `end`, which is the beginning of one; those that are too old then go.
  void advance(EpochMs end);
  /// In the place of what was known of those hours; what lies outside of begin() and end() is left out.
  void take(const PastChunk& chunk);

  /// One value an hour up to end(), the first one that of the first hour in which there was anything; absent where the
  /// hour is not closed, where more than a tenth of the devices' time was not observed, of usage where that much of
  /// what somebody had is not known to have worked or not, and of demand where nobody looked at the queue. Empty for a
  /// scope of which nothing is known.
  std::vector<std::optional<double>> series(std::string_view scope, Measure measure) const;

  /// What the fleet cost, in millionths, and nobody knows whose it was: one value for each of series().
  std::vector<double> unobserved_costs(std::string_view scope) const;

  /// In the order of their names.
  std::vector<std::string> scopes() const;
  /// Scopes that there was no room for, of the last chunk.
  std::size_t left_out() const { return left_out_; }

 private:
  struct Hour {  ///< GPUs, the mean over the hour
    float used = 0, idle = 0, unknown = 0, waiting = 0, all = 0, unobserved = 0;
    fleet::Micros micros = 0, unobserved_micros = 0;
    bool empty() const { return all == 0 && waiting == 0 && micros == 0; }
  };
  using Hours = std::vector<Hour>;

  Hours* hours_of(const std::string& scope);
  static std::size_t first_of(const Hours& hours);  ///< in which there is anything
  std::optional<std::size_t> index_of(EpochMs hour) const;
  static void add(Hour& to, const store::LedgerHour& one);
  std::optional<double> value_at(std::size_t at, const Hour& hour, const Hour& around, Measure measure) const;

  EpochMs end_ = 0;
  std::vector<bool> closed_ = std::vector<bool>(kHours), queued_ = std::vector<bool>(kHours);
  std::map<std::string, Hours, std::less<>> scopes_;
  std::size_t left_out_ = 0;
};

}  // namespace tessera::server
