#include "relay/self_metrics.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>

#include "metrics/own.h"
#include "relay/catalog.h"

namespace tessera::relay {
namespace {

using metrics::label_text;
using metrics::Page;

double number(std::uint64_t count) { return static_cast<double>(count); }
double seconds(EpochMs time) { return static_cast<double>(time) / 1000; }

void add_configuration(Page& page, const Overview& seen) {
  metrics::append_single(page, catalog::kBuildInfo.metric, 1, label_text({{"version", TESSERA_VERSION}}));
  metrics::append_single(page, catalog::kReloadOk.metric, seen.last_reload_good ? 1 : 0);
  metrics::append_single(page, catalog::kReloadTime.metric, seconds(seen.last_good_reload));
}

/// Two jobs may read one file: it is one source here.
void add_sources(Page& page, const Overview& seen) {
  struct Sum {
    bool ready = true;
    std::uint64_t targets = 0;
  };
  std::map<std::string_view, Sum> sources;
  for (const SourceStatus& source : seen.sources) {
    Sum& sum = sources[source.what];
    sum.ready = sum.ready && source.ready && source.problem.empty();
    sum.targets += source.targets;
  }
  page.family(catalog::kSourceReady.metric);
  for (const auto& [what, sum] : sources) page.add(page.labels(label_text({{"source", what}})), sum.ready ? 1 : 0);
  page.family(catalog::kSourceTargets.metric);
  for (const auto& [what, sum] : sources) page.add(page.labels(label_text({{"source", what}})), number(sum.targets));
  metrics::append_single(page, catalog::kTargetsDropped.metric, number(seen.dropped.size() + seen.dropped_unshown));
  metrics::append_single(page, catalog::kFallenBack.metric, number(seen.fallbacks.nodes.size()));
  metrics::append_single(page, catalog::kFallbacks.metric, number(seen.fallbacks.begun));
}

struct Counted {
  std::string_view value;
  std::uint64_t count;
};

void add_counts(Page& page, const metrics::Metric& metric, std::string_view label,
                std::initializer_list<Counted> counts) {
  page.family(metric);
  for (const auto& [value, count] : counts) page.add(page.labels(label_text({{label, value}})), number(count));
}

void add_sharing(Page& page, const Membership& sharing) {
  std::uint64_t living = 0;
  for (const Member& member : sharing.members) living += member.lives ? 1 : 0;
  const std::uint64_t all = sharing.members.size();
  add_counts(page, catalog::kShardMembers.metric, "state", {{"living", living}, {"away", all - living}});
  metrics::append_single(page, catalog::kLeaseHeld.metric, sharing.held ? 1 : 0);
}

void add_targets(Page& page, const Overview& seen) {
  constexpr std::array kStates = {Health::Up, Health::Down, Health::Unknown};
  std::map<std::string_view, std::map<Health, std::uint64_t>> counts;
  for (const std::string& job : seen.jobs) counts[job];
  for (const auto& [target, status] : seen.targets) ++counts[target.job->name][status.health];
  page.family(catalog::kTargets.metric);
  for (auto& [job, by_state] : counts)
    for (const Health state : kStates)
      page.add(page.labels(label_text({{"job", job}, {"state", name_of(state)}})), number(by_state[state]));
}

void add_scrapes(Page& page, const ScrapeTotals& all) {
  add_counts(page, catalog::kScrapes.metric, "outcome",
             {{"good", all.scrapes - all.failures}, {"failed", all.failures}, {"missed", all.missed}});
  page.family(catalog::kPagesRefused.metric);
  for (std::size_t i = 0; i < kPageLimits.size(); ++i)
    page.add(page.labels(label_text({{"limit", kPageLimits[i]}})), number(all.refused[i]));
  metrics::append_single(page, catalog::kSamplesScraped.metric, number(all.samples));
  add_counts(page, catalog::kSamplesLeftOut.metric, "reason",
             {{"duplicate", all.duplicates}, {"too_far_ahead", all.too_far_ahead}, {"unfit_name", all.unfit}});
  metrics::append_single(page, catalog::kClamped.metric, number(all.clamped));
}

/// A destination with its queues summed and its label written.
struct Way {
  const SeenDestination& seen;
  journal::Stats queue;
  metrics::LabelSet labels;
};

using Value = std::function<std::optional<double>(const Way&)>;

/// A family with a value for each destination that has one.
void add_each(Page& page, const std::vector<Way>& ways, const Described& described, const Value& value) {
  page.family(described.metric);
  for (const Way& way : ways)
    if (const auto known = value(way)) page.add(way.labels, *known);
}

/// A family with a second label.
void add_by(Page& page, const std::vector<Way>& ways, const Described& described, std::string_view label,
            const std::function<std::map<std::string, std::uint64_t>(const Way&)>& counts) {
  page.family(described.metric);
  for (const Way& way : ways)
    for (const auto& [value, count] : counts(way))
      page.add(page.labels(label_text({{"destination", way.seen.name}, {label, value}})), number(count));
}

std::map<std::string, std::uint64_t> requests_of(const Way& way) {
  auto counts = way.seen.stats.requests;
  counts.try_emplace("failed", 0);
  return counts;
}

std::map<std::string, std::uint64_t> dropped_of(const Way& way) {
  auto counts = way.seen.stats.dropped;
  counts["full"] += way.queue.dropped_by(journal::DropReason::Full).items;
  counts["age"] += way.queue.dropped_by(journal::DropReason::Age).items;
  counts["corrupt"] += way.queue.dropped_by(journal::DropReason::Corrupt).items;
  counts["unqueued"] += way.seen.unqueued;
  return counts;
}

void add_queues(Page& page, const std::vector<Way>& ways, EpochMs now) {
  add_each(page, ways, catalog::kQueueSamples, [](const Way& w) { return number(w.queue.pending.items); });
  add_each(page, ways, catalog::kQueueBytes, [](const Way& w) { return number(w.queue.pending_bytes); });
  add_each(page, ways, catalog::kQueueOldest, [](const Way& w) -> std::optional<double> {
    if (w.queue.pending.records == 0 || !w.queue.oldest) return std::nullopt;
    return seconds(*w.queue.oldest);
  });
  add_each(page, ways, catalog::kQueueErrors, [](const Way& w) { return number(w.queue.write_errors); });
  add_each(page, ways, catalog::kLag, [now](const Way& w) -> std::optional<double> {
    if (w.queue.pending.records == 0) return 0;
    const auto lag = lag_of(w.queue, now);
    return lag ? std::optional(seconds(lag->count())) : std::nullopt;
  });
}

void add_sending(Page& page, const std::vector<Way>& ways) {
  page.family(catalog::kDestinationInfo.metric);
  for (const Way& way : ways)
    page.add(page.labels(label_text({{"destination", way.seen.name},
                                     {"protocol", form_of(way.seen.stats.kind).name},
                                     {"agreed", way.seen.agreed ? "true" : "false"}})),
             1);
  add_each(page, ways, catalog::kSentSamples, [](const Way& w) { return number(w.seen.stats.samples_sent); });
  add_each(page, ways, catalog::kSentBytes, [](const Way& w) { return number(w.seen.stats.bytes_sent); });
  add_by(page, ways, catalog::kRequests, "status", requests_of);
  add_each(page, ways, catalog::kRetries, [](const Way& w) { return number(w.seen.stats.retries); });
  add_by(page, ways, catalog::kDropped, "reason", dropped_of);
  add_each(page, ways, catalog::kRejected, [](const Way& w) { return number(w.seen.stats.receiver_rejected); });
  add_each(page, ways, catalog::kHighestSent, [](const Way& w) -> std::optional<double> {
    return w.seen.stats.newest_sent ? std::optional(seconds(*w.seen.stats.newest_sent)) : std::nullopt;
  });
  add_each(page, ways, catalog::kTrouble, [](const Way& w) { return number(w.seen.stats.trouble.size()); });
}

void add_process(Page& page, const Overview& seen, const Footprint& process) {
  if (seen.http)
    add_counts(page, catalog::kRefused.metric, "reason",
               {{"connections", seen.http->refused_connections},
                {"header_size", seen.http->refused_headers},
                {"body_size", seen.http->refused_bodies},
                {"unauthorized", seen.http->unauthorized},
                {"timeout", seen.http->timeouts},
                {"failed", seen.http->failed_handlers}});
  metrics::append_single(page, catalog::kCpuSeconds.metric, process.cpu_seconds);
  if (process.resident_bytes) metrics::append_single(page, catalog::kResident.metric, number(*process.resident_bytes));
  metrics::append_single(page, catalog::kStartTime.metric, seconds(seen.started));
}

}  // namespace

metrics::Page self_metrics(const Overview& seen, const Footprint& process) {
  Page page;
  add_configuration(page, seen);
  add_sources(page, seen);
  if (seen.sharing) add_sharing(page, *seen.sharing);
  add_targets(page, seen);
  add_scrapes(page, seen.scraped);
  std::vector<Way> ways;
  for (const SeenDestination& destination : seen.destinations)
    ways.push_back(
        {destination, sum_of(destination.queues), page.labels(label_text({{"destination", destination.name}}))});
  add_queues(page, ways, seen.time);
  page.family(catalog::kAbandoned.metric);
  for (const AbandonedQueue& queue : seen.abandoned)
    page.add(page.labels(label_text({{"folder", queue.folder.filename().string()}})), number(queue.bytes));
  add_sending(page, ways);
  add_process(page, seen, process);
  return page;
}

}  // namespace tessera::relay
