#pragma once
// The fleet held against the rules: a thread of the leader evaluates at the collection interval, keeps what came of it
// in one transaction (so that a restart neither fires anew nor forgets), and publishes what stands.
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/latest.h"
#include "fleet/alerts/actions.h"
#include "fleet/alerts/observe.h"
#include "fleet/alerts/silence.h"
#include "fleet/inventory/changes.h"
#include "http/server.h"
#include "server/access/changes.h"
#include "server/alerts/host_jobs.h"
#include "server/alerts/messages.h"
#include "server/alerts/saved_tracks.h"
#include "server/alerts/settings.h"
#include "server/keeper.h"
#include "store/alerts.h"

namespace tessera::server {

/// Rule and key of the subject.
using TrackKeys = std::set<std::pair<std::string, std::string>>;

/// What stands. Immutable.
struct AlertBook {
  EpochMs time = 0;  ///< of the last round; 0: none yet
  std::vector<fleet::alerts::Standing> standing;
  std::vector<fleet::alerts::Silence> silences;
  std::int64_t last_event = 0;  ///< id
  TrackKeys told;  ///< those whose begin was told, silenced by now or not; empty where another server leads
};

struct AlertOptions {
  bool leads = true;
  Milliseconds interval{30'000};  ///< of the collection; a value holds for 2.5 of it
  AlertSettings settings;
  std::vector<std::string> platform_namespaces{};  ///< patterns of those whose pods are nobody's jobs
  std::function<std::uint64_t()> refused_requests = [] { return std::uint64_t{0}; };  ///< so far
  /// Thresholds of budgets that were crossed and are in force; absent: nobody knows yet.
  std::function<std::optional<std::vector<fleet::alerts::BudgetCrossed>>()> budgets = [] {
    return std::vector<fleet::alerts::BudgetCrossed>();
  };
  /// How far what was spent of late is off what is usual; absent: nobody knows yet.
  std::function<std::optional<std::vector<fleet::alerts::CostDeviation>>(EpochMs now)> costs = [](EpochMs) {
    return std::optional(std::vector<fleet::alerts::CostDeviation>());
  };
  std::function<void(const std::vector<fleet::Change>&)> tell = [](auto&) {};  ///< alerts that begin and end, once kept
  bool runs = true;                                                            ///< false: rounds are a test's own
};

struct AlertStats {
  std::uint64_t rounds = 0, failed_rounds = 0;
  double round_seconds = 0;        ///< of the last
  std::uint64_t observations = 0;  ///< of the last
  std::uint64_t tracks_written = 0;
};

/// Thread-safe. What is given outlives it.
class Alerts {
 public:
  static Result<std::unique_ptr<Alerts>> open(const Latest<Published>& fleet, Changes& changes,
                                              std::function<bool()> started, AlertOptions options);
  ~Alerts();
  Alerts(const Alerts&) = delete;
  Alerts& operator=(const Alerts&) = delete;

  /// As of the last round; of a server that does not lead, as the database has it.
  std::shared_ptr<const AlertBook> book() const;
  const AlertSettings& settings() const { return options_.settings; }
  AlertStats stats() const;
  std::vector<fleet::alerts::Silence> silences() const;
  /// POST and DELETE, whose rights have been looked at.
  http::Response add_silence(const http::Request& request, fleet::alerts::Silence silence);
  http::Response drop_silence(const http::Request& request, const std::string& id);
  /// The latest first.
  Result<std::vector<store::AlertEvent>> history(EpochMs from, EpochMs to, const std::string& alert,
                                                 std::size_t most) const;
  /// What is done and was, the latest first.
  Result<std::vector<fleet::alerts::ActionRecord>> actions(std::size_t most) const;
  /// As receivers are told of it.
  ToldAlert told(const store::AlertEvent& event) const;
  ToldAlert told(const fleet::alerts::Standing& standing, EpochMs ends) const;

  /// One round of the thread; for tests, too.
  void look();

 private:
  Alerts(const Latest<Published>& fleet, Changes& changes, std::function<bool()> started, AlertOptions options,
         HostJobs host_jobs);
  Result<void> resume();
  Result<AlertBook> read_book() const;
  std::optional<double> refused_of_late(EpochMs now);
  std::vector<store::AlertEvent> events_of(const std::vector<fleet::alerts::Change>& changes, EpochMs now);
  store::AlertEvent event_of(const fleet::alerts::Change& change, const fleet::alerts::Standing* standing);
  Result<void> keep(EpochMs now);
  Milliseconds holds() const { return options_.interval * 5 / 2; }
  void publish(EpochMs now);
  void read_silences();
  void republish();

  const Latest<Published>& fleet_;
  Changes& changes_;
  const std::function<bool()> started_;
  const AlertOptions options_;
  const HostJobs host_jobs_;
  Latest<AlertBook> book_;
  mutable std::mutex mutex_;
  AlertStats stats_;                              // guarded by mutex_
  std::vector<fleet::alerts::Silence> silences_;  // guarded by mutex_
  std::vector<fleet::alerts::Track> tracks_;      // guarded by mutex_: of the last round
  EpochMs round_at_ = 0;                          // guarded by mutex_
  std::int64_t told_event_ = 0;                   // guarded by mutex_: the newest that is kept
  TrackKeys shown_told_;                          // guarded by mutex_: as of the last round
  // Below: the thread's own.
  std::unique_ptr<fleet::alerts::Evaluator> evaluator_;
  fleet::alerts::Observer observer_;
  std::shared_ptr<const fleet::View> looked_at_;
  std::vector<store::AlertEvent> unsaved_;  ///< events
  std::optional<SavedTracks> saved_;
  TrackKeys told_;            ///< those that fire and whose begin was told: so is their end
  EpochMs saved_own_ = 0;     ///< when baselines were saved
  EpochMs saved_recent_ = 0;  ///< when it was saved how the last half hour was
  EpochMs dropped_ = 0;
  std::int64_t last_event_ = 0;
  struct Refused {
    EpochMs time = 0;
    std::uint64_t requests = 0;
  };
  std::deque<Refused> refused_;  ///< of the last quarter of an hour
  bool failing_ = false;         ///< the database: said once
  std::jthread thread_;          ///< last: it uses all of the above
};

}  // namespace tessera::server
