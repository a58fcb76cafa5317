#pragma once
// What the relay knows of itself at one moment, as plain values: its metrics, JSON and tables are made of these alone.
#include <optional>
#include <string>
#include <vector>

#include "http/server.h"
#include "journal/journal.h"
#include "relay/destination_state.h"
#include "relay/discoverer.h"
#include "relay/members.h"
#include "relay/queue_folders.h"
#include "relay/scrape_loop.h"

namespace tessera::relay {

struct SeenTarget {
  Target target;
  TargetStatus status;
};

struct SeenDestination {
  std::string name, url;
  DestinationStats stats;
  bool agreed = false;  ///< the receiver has taken a request of the form in `stats`
  std::vector<journal::Stats> queues;
  std::uint64_t unqueued = 0;  ///< samples that the disk did not take
};

struct Overview {
  EpochMs time = 0;
  EpochMs started = 0;  ///< the process
  std::string config_file;
  bool last_reload_good = true;
  EpochMs last_good_reload = 0;
  std::vector<std::string> jobs;  ///< configured, with targets or without
  bool discovered = false;        ///< every source of targets has been read once, or has said why not
  std::vector<SourceStatus> sources;
  std::vector<Sifted::Dropped> dropped;  ///< found, and not scraped
  std::size_t dropped_unshown = 0;       ///< and those that keep_dropped_targets leaves out of `dropped`
  std::vector<SeenTarget> targets;
  ScrapeTotals scraped;
  Discoverer::Fallbacks fallbacks;
  std::vector<SeenDestination> destinations;
  std::vector<AbandonedQueue> abandoned;
  std::optional<http::ServerStats> http;
  std::optional<Membership> sharing;  ///< by leases; absent where the split is static
};

std::string_view name_of(Health health);  ///< "up", "down", "unknown"

std::string_view name_of(const Member& member);  ///< "living", "away"

/// Those that need a look first: down, then not scraped yet, then up; each by job and URL.
void sort_for_people(std::vector<SeenTarget>& targets);

/// Keeps the first of each job, as many as its keep_dropped_targets says; returns how many it took away.
std::size_t keep_dropped(std::vector<Sifted::Dropped>& dropped, const std::vector<Job>& jobs);

/// All queues of a destination as one.
journal::Stats sum_of(const std::vector<journal::Stats>& queues);

/// How long the oldest sample of the queue has waited; nothing where none waits or its time is not known.
std::optional<Milliseconds> lag_of(const journal::Stats& queue, EpochMs now);

}  // namespace tessera::relay
