#pragma once
// One target being scraped, again and again: asks for the page, reads it as it comes, and hands what it holds to every
// destination, with what is to be said of the target itself. Thread contract: the scrape thread, but for status().
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/duration.h"
#include "http/fetch_loop.h"
#include "relay/health_log.h"
#include "relay/outlet.h"
#include "relay/scrape_cache.h"
#include "relay/target.h"

namespace tessera::relay {

/// Limits whose excess makes a page count as failed, as Prometheus' language calls them.
inline constexpr std::array<std::string_view, 5> kPageLimits = {"body_size_limit", "sample_limit", "label_limit",
                                                                "label_name_length_limit", "label_value_length_limit"};
using PagesRefused = std::array<std::uint64_t, kPageLimits.size()>;  ///< by each of them

enum class Health { Unknown, Up, Down };

/// What people see of a target.
struct TargetStatus {
  Health health = Health::Unknown;
  SteadyTime answered{};  ///< when the last good page ended; before the first, when it was found
  std::string error;      ///< of the last scrape; empty where it went well
  std::optional<EpochMs> last_scrape;
  double duration_seconds = 0;
  std::uint64_t body_bytes = 0;
  std::uint64_t samples = 0;         ///< on the last page
  std::uint64_t kept = 0;            ///< after relabelling
  std::uint64_t samples_of_all = 0;  ///< on all pages so far
  std::uint64_t scrapes = 0;
  std::uint64_t failures = 0;
  std::uint64_t missed = 0;      ///< times at which the scrape before was still under way, or this process stood still
  std::uint64_t duplicates = 0;  ///< samples left out: their series was on the page already
  std::uint64_t too_far_ahead = 0;
  std::uint64_t unfit = 0;    ///< samples left out: names that remote write does not have, of pages and of their rules
  std::string unfit_note;     ///< one of those on the last page, and where; empty: none
  std::uint64_t clamped = 0;  ///< utilizations above 1 that weights were derived from, taken as 1
  PagesRefused refused{};
  std::uint64_t collisions = 0;  ///< samples left out: write relabelling made two series the same
};

class Scrape final : public http::FetchReceiver {
 public:
  struct Way {
    const Destination* destination;
    Batch* batch;
  };
  /// `external` are the labels of all; a way for each destination.
  Scrape(Target target, const Labels& external, const std::vector<Way>& ways);

  const Target& target() const { return target_; }
  TargetStatus status() const;  ///< from any thread

  /// Whether this is how the target is to be scraped: at other times, or by other rules, another takes over.
  bool is_for(const Target& target, const Labels& external) const;
  /// What `before`, the same target under other rules, still owes stale markers for.
  void take_over(const Scrape& before);
  /// Other destinations from now on, also of a page that is being read.
  void send_to(const std::vector<Way>& ways);
  /// Where it is said that the target went down or came up; nowhere until then.
  void tell_changes_to(std::shared_ptr<HealthLog> log) { health_log_ = std::move(log); }
  bool running() const { return running_; }

  /// Asks for the page; `time` is what its samples are stamped with. If the last one is still under way, that counts as
  /// missed.
  void start(http::FetchLoop& loop, EpochMs time);
  /// So many of its times went by without anybody looking: they count as missed.
  void passed_over(std::uint64_t times);
  /// The target is gone since `time`: its series and those about itself end there.
  void leave(EpochMs time);

 private:
  bool begin(const http::FetchReply& reply) override;
  bool body(std::string_view piece) override;
  void done(const Result<http::FetchReply>& reply, const http::FetchTimes& times) override;

  Result<void> make_request();
  Result<ScrapedPage> finish(const Result<http::FetchReply>& reply);
  void deliver(const ScrapedPage& page, SteadyTime now);
  void end_owed(SteadyTime now);
  void tell_target(bool up, double seconds, const ScrapedPage& page, SteadyTime now);
  void tell_change(const std::string& error, SteadyTime now);
  void tell_all(const ScrapedPage& page, const std::string& error, const http::FetchTimes& times);
  void count_refused(bool too_long);

  const Target target_;
  std::optional<http::ClientRequest> request_;
  const std::unique_ptr<ScrapeCache> cache_;
  SeriesTable about_;       ///< the series that are about the target itself, a row each
  SeriesTable owed_about_;  ///< those of before that had other labels, and have to end
  std::vector<Outlet> outlets_, about_outlets_;
  bool told_of_itself_ = false;  ///< `up` and its like have begun, here or before a change of configuration
  bool running_ = false;
  bool reading_ = false;  ///< the reply is a page
  EpochMs time_ = 0;
  std::optional<Error> refused_;  ///< why we ended the transfer
  std::string unread_;            ///< what the reader said of the page; empty: nothing
  std::shared_ptr<HealthLog> health_log_;
  Health told_health_ = Health::Unknown;  ///< of the last scrape, here or before a change of configuration
  mutable std::mutex mutex_;
  TargetStatus status_;  ///< guarded by mutex_
};

}  // namespace tessera::relay
