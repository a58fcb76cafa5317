#pragma once
// The scrape thread: every target at its time, spread over its interval by hash, and every open request sealed when it
// is due. It owns the targets' caches and the open requests, so none of them needs a lock.
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/duration.h"
#include "base/latest.h"
#include "base/result.h"
#include "http/fetch_loop.h"
#include "relay/batch.h"
#include "relay/scrape.h"
#include "relay/scrape_clock.h"

namespace tessera::relay {

/// A destination and the open requests of its shards, of which at least one. Both outlive the loop.
struct Outgoing {
  const Destination* destination;
  std::vector<Batch*> shards;
};

/// Sums over targets.
struct ScrapeTotals {
  std::uint64_t scrapes = 0;
  std::uint64_t failures = 0;  ///< of the scrapes
  std::uint64_t missed = 0;
  std::uint64_t samples = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t too_far_ahead = 0;
  std::uint64_t unfit = 0;
  std::uint64_t clamped = 0;
  PagesRefused refused{};
  void add(const TargetStatus& status);
  void add(const ScrapeTotals& others);
  bool operator==(const ScrapeTotals&) const = default;
};

class ScrapeLoop {
  struct Leaving {
    std::shared_ptr<Scrape> scrape;
    SteadyTime when;  ///< its series end, unless it has come back
    EpochMs time;     ///< the stamp of their end: the first time it was missed at
  };
  using Due = std::pair<SteadyTime, Scrape*>;

 public:
  using Scrapes = std::vector<std::shared_ptr<const Scrape>>;

  /// What a loop that has ended leaves to the next one: targets with all that is known of them, their places in time,
  /// and the transfers under way, which wait meanwhile.
  class Heritage {
    friend class ScrapeLoop;
    std::shared_ptr<http::FetchLoop> fetch;
    ScrapeClock clock;
    std::shared_ptr<HealthLog> health_log;
    std::map<std::string, std::shared_ptr<Scrape>> scrapes;  ///< by key
    std::map<std::string, Leaving> leaving;                  ///< by key
    std::set<Due> due;
    ScrapeTotals gone;
  };

  /// Goes on with what `before` has, until set_targets() says otherwise.
  static Result<std::unique_ptr<ScrapeLoop>> open(Labels external, std::vector<Outgoing> ways,
                                                  Heritage before = Heritage());
  ~ScrapeLoop();
  ScrapeLoop(const ScrapeLoop&) = delete;
  ScrapeLoop& operator=(const ScrapeLoop&) = delete;

  /// All targets from now on; from any thread. One that goes ends two intervals later, unless it comes back; one that
  /// is not ours any more just ends here: another replica goes on with its series. Those of `unread` jobs, by id, stay
  /// although they are not named: not all of their sources have been read yet.
  void set_targets(std::vector<Target> targets, std::set<std::string> unread = {});
  /// The targets that are scraped, for people; from any thread.
  Scrapes scrapes() const;
  /// Keys of the targets that two scrapes in a row have brought nothing of; from any thread.
  std::set<std::string> silent() const;
  /// Of all targets since the loop began, those that are gone included; from any thread.
  ScrapeTotals totals() const;
  /// When the thread last looked at what is due, which it does twice a second at least; from any thread.
  SteadyTime last_turn() const { return last_turn_; }

  /// Until the stop; then what was scraped is sealed.
  void run(const std::stop_token& stop);
  /// After run(): nothing is scraped by this any more.
  Heritage hand_over();

 private:
  struct Wanted {
    std::vector<Target> targets;
    std::set<std::string> unread;
  };

  ScrapeLoop(Labels external, std::vector<Outgoing> ways, Heritage before);
  std::vector<Scrape::Way> ways_of(const Target& target) const;
  void take_targets(SteadyTime now);
  std::shared_ptr<Scrape> make(const Target& target) const;
  void enter(const Target& target, const std::string& key, SteadyTime now);
  void drop(const std::shared_ptr<Scrape>& scrape, const std::string& key, SteadyTime now);
  ScrapeTotals let_go(const std::set<std::string>& elsewhere);
  void take_successors(SteadyTime now);
  void start_due(SteadyTime now);
  void end_leaving(SteadyTime now);
  void seal_due(SteadyTime now);
  SteadyTime next_event(SteadyTime now) const;
  SteadyTime first_tick(const Scrape& scrape, const std::string& key, SteadyTime now) const;
  void publish(const ScrapeTotals& ended);

  const Labels external_;
  const std::vector<Outgoing> ways_;
  const std::shared_ptr<http::FetchLoop> fetch_;  ///< shared with the loop after: who wakes this one may be late
  ScrapeClock clock_;
  const std::shared_ptr<HealthLog> health_log_;
  std::map<std::string, std::shared_ptr<Scrape>> scrapes_;  ///< by key
  std::map<std::string, Target> successors_;                ///< by key: how it is scraped once it is not under way
  std::map<std::string, Leaving> leaving_;                  ///< by key
  std::set<Due> due_;
  Latest<Scrapes> published_;
  std::atomic<SteadyTime> last_turn_ = std::chrono::steady_clock::now();

  mutable std::mutex mutex_;
  // All below is guarded by mutex_.
  std::optional<Wanted> wanted_;  ///< what set_targets() brought
  Scrapes counted_;               ///< those that are scraped, and those that are leaving
  ScrapeTotals gone_;             ///< of all others
};

}  // namespace tessera::relay
