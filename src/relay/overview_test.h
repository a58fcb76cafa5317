#pragma once
// A relay as tests show it: one target of each health, a destination in trouble, a source that fails.
#include "relay/overview.h"

namespace tessera::relay {

inline constexpr EpochMs kSeenAt = 1'800'000'000'000;

inline Overview sample_overview() {
  const auto job = std::make_shared<Job>();
  job->id = job->name = "dcgm";
  const auto target = [&](const std::string& name) {
    Target made;
    made.job = job;
    made.labels = to_labels({{"instance", name}, {"job", "dcgm"}});
    made.url = "http://" + name + "/metrics";
    made.origin = "pod gpu/" + name;
    return made;
  };
  TargetStatus up;
  up.health = Health::Up;
  up.last_scrape = kSeenAt - 2'500;
  up.duration_seconds = 0.25;
  up.samples = 420;
  up.kept = 400;
  up.scrapes = 7;
  up.failures = 1;
  TargetStatus down;
  down.health = Health::Down;
  down.error = "HTTP status 404 <b>\xff";
  down.last_scrape = kSeenAt - 1'000;
  down.scrapes = down.failures = 3;

  Overview seen;
  seen.time = kSeenAt;
  seen.started = kSeenAt - 60'000;
  seen.config_file = "relay.yaml";
  seen.last_good_reload = kSeenAt - 30'000;
  seen.jobs = {"dcgm", "empty"};
  seen.sources = {{"files a.json", true, "", 3}, {"pods of all namespaces", false, "HTTP status 403", 0}};
  seen.targets = {{target("up-1"), up}, {target("new-1"), {}}, {target("down-1"), down}};
  TargetSpec needless;
  needless.job_id = "dcgm";
  needless.url = "http://twin/metrics";
  seen.dropped = {{needless, "tessera-agent tells of this node"}};
  seen.scraped = {10, 4, 2, 2'940, 5, 6, 7};
  seen.scraped.refused = {1, 2, 0, 0, 0};
  SeenDestination way;
  way.name = "prom \"1\"";
  way.url = "http://prom/write";
  way.stats.samples_sent = 1'000;
  way.stats.requests = {{"204", 9}, {"503", 2}};
  way.stats.dropped = {{"status_400", 11}};
  way.stats.newest_sent = kSeenAt - 20'000;
  way.stats.trouble = {{1, {kSeenAt - 9'000, 4, "HTTP status 503", kSeenAt + 1'000}}};
  way.stats.last_failure = Failure{kSeenAt - 500, "HTTP status 503"};
  way.agreed = true;
  way.queues.resize(2);
  way.queues[0].pending = {2, 300};
  way.queues[0].pending_bytes = 4'000;
  way.queues[0].oldest = kSeenAt - 10'000;
  way.queues[1].pending = {1, 50};
  way.queues[1].pending_bytes = 600;
  way.queues[1].oldest = kSeenAt - 12'500;
  way.queues[1].dropped[static_cast<std::size_t>(journal::DropReason::Full)] = {1, 70};
  way.unqueued = 8;
  SeenDestination quiet;
  quiet.name = "quiet";
  quiet.queues.resize(1);
  seen.destinations = {way, quiet};
  seen.fallbacks = {{"n1"}, 3};
  seen.abandoned = {{"/data/queue/old", 12, 3'400}};
  seen.http = http::ServerStats{};
  seen.sharing =
      Membership{"gpu/relay",
                 1,
                 true,
                 {{0, true, "relay-0_1", kSeenAt - 2'000}, {1, true, "relay-1_2", kSeenAt - 1'000}, {2, false}},
                 "leases: HTTP status 503 <i>"};
  return seen;
}

}  // namespace tessera::relay
