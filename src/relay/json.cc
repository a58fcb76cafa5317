#include "relay/json.h"

#include <nlohmann/json.hpp>

namespace tessera::relay {
namespace {

using Json = nlohmann::ordered_json;

double seconds(Milliseconds duration) { return static_cast<double>(duration.count()) / 1000; }

void put(Json& out, const char* key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}
void put_time(Json& out, const char* key, const std::optional<EpochMs>& time) {
  if (time) out[key] = format_time(*time);
}

Json labels_json(const Labels& labels) {
  Json out = Json::object();
  for (const auto& [name, value] : labels) out[name] = value;
  return out;
}

Json target_json(const SeenTarget& seen) {
  const auto& [target, status] = seen;
  Json out{{"job", target.job->name},
           {"url", target.url},
           {"labels", labels_json(target.labels)},
           {"origin", target.origin},
           {"health", name_of(status.health)},
           {"intervalSeconds", seconds(target.interval)},
           {"timeoutSeconds", seconds(target.timeout)}};
  put(out, "lastError", status.error);
  if (status.last_scrape) {
    put_time(out, "lastScrape", status.last_scrape);
    out["lastScrapeDurationSeconds"] = status.duration_seconds;
    out["bodyBytes"] = status.body_bytes;
    out["samplesScraped"] = status.samples;
    out["samplesKept"] = status.kept;
  }
  out["scrapes"] = status.scrapes;
  out["failures"] = status.failures;
  out["missed"] = status.missed;
  out["duplicates"] = status.duplicates;
  out["tooFarAhead"] = status.too_far_ahead;
  out["unfitNames"] = status.unfit;
  put(out, "unfitNote", status.unfit_note);
  out["clamped"] = status.clamped;
  out["collisions"] = status.collisions;
  return out;
}

Json source_json(const SourceStatus& source) {
  Json out{{"source", source.what}, {"ready", source.ready}, {"targets", source.targets}};
  put(out, "problem", source.problem);
  if (source.watch) {
    out["connected"] = source.watch->connected;
    put_time(out, "lastEvent", source.watch->last_event);
  }
  return out;
}

Json sharing_json(const Membership& sharing) {
  Json out{{"shard", sharing.own}, {"of", sharing.members.size()}, {"lease", sharing.lease}, {"held", sharing.held}};
  put(out, "problem", sharing.problem);
  out["members"] = Json::array();
  for (const Member& member : sharing.members) {
    Json one{{"shard", member.shard}, {"state", name_of(member)}};
    put(one, "holder", member.holder);
    put_time(one, "lastHeard", member.heard);
    out["members"].push_back(std::move(one));
  }
  return out;
}

Json trouble_json(const std::map<std::uint32_t, Trouble>& trouble) {
  Json out = Json::array();
  for (const auto& [shard, one] : trouble)
    out.push_back({{"shard", shard},
                   {"since", format_time(one.since)},
                   {"attempts", one.attempts},
                   {"error", one.what},
                   {"nextTry", format_time(one.next_try)}});
  return out;
}

Json queue_json(const journal::Stats& queue, EpochMs now) {
  Json out{{"pendingSamples", queue.pending.items},
           {"pendingBytes", queue.pending_bytes},
           {"diskBytes", queue.disk_bytes},
           {"writeErrors", queue.write_errors}};
  if (queue.pending.records > 0) put_time(out, "oldest", queue.oldest);
  if (const auto lag = lag_of(queue, now)) out["lagSeconds"] = seconds(*lag);
  return out;
}

Json dropped_json(const SeenDestination& seen, const journal::Stats& queue) {
  Json out = Json::object();
  for (const auto& [reason, samples] : seen.stats.dropped) out[reason] = samples;
  out["full"] = queue.dropped_by(journal::DropReason::Full).items;
  out["age"] = queue.dropped_by(journal::DropReason::Age).items;
  out["corrupt"] = queue.dropped_by(journal::DropReason::Corrupt).items;
  out["unqueued"] = seen.unqueued;
  return out;
}

Json destination_json(const SeenDestination& seen, EpochMs now) {
  const DestinationStats& stats = seen.stats;
  const journal::Stats queue = sum_of(seen.queues);
  Json out{{"destination", seen.name},
           {"url", seen.url},
           {"protocol", form_of(stats.kind).name},
           {"protocolAgreed", seen.agreed},
           {"shards", seen.queues.size()},
           {"queue", queue_json(queue, now)},
           {"sentSamples", stats.samples_sent},
           {"sentBytes", stats.bytes_sent},
           {"requests", stats.requests},
           {"retries", stats.retries},
           {"inFlight", stats.in_flight},
           {"droppedSamples", dropped_json(seen, queue)},
           {"rejectedSamples", stats.receiver_rejected}};
  put_time(out, "newestSent", stats.newest_sent);
  put_time(out, "lastSuccess", stats.last_success);
  if (stats.last_latency) out["lastLatencySeconds"] = seconds(*stats.last_latency);
  if (!stats.trouble.empty()) out["trouble"] = trouble_json(stats.trouble);
  if (stats.last_failure)
    out["lastError"] = {{"time", format_time(stats.last_failure->time)}, {"error", stats.last_failure->what}};
  return out;
}

Json step_json(const Step& step) {
  Json out{{"step", step.step}, {"passed", step.passed}, {"detail", step.detail}};
  put(out, "change", step.change);
  return out;
}

/// What pages and receivers said may be no UTF-8.
std::string text_of(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n'; }

}  // namespace

std::string targets_json(const Overview& seen) {
  Json out{{"time", format_time(seen.time)}};
  if (seen.sharing) out["sharing"] = sharing_json(*seen.sharing);
  out["sources"] = Json::array();
  for (const SourceStatus& source : seen.sources) out["sources"].push_back(source_json(source));
  out["targets"] = Json::array();
  for (const SeenTarget& target : seen.targets) out["targets"].push_back(target_json(target));
  out["dropped"] = Json::array();
  for (const auto& [target, why] : seen.dropped)
    out["dropped"].push_back({{"job", target.job_id},
                              {"url", target.url},
                              {"labels", labels_json(target.labels)},
                              {"origin", target.origin},
                              {"why", why}});
  out["droppedNotShown"] = seen.dropped_unshown;
  return text_of(out);
}

std::string status_json(const Overview& seen) {
  Json out{{"time", format_time(seen.time)}, {"version", TESSERA_VERSION}, {"started", format_time(seen.started)}};
  out["configuration"] = {{"file", seen.config_file},
                          {"lastReloadSuccessful", seen.last_reload_good},
                          {"since", format_time(seen.last_good_reload)}};
  out["discovered"] = seen.discovered;
  out["destinations"] = Json::array();
  for (const SeenDestination& destination : seen.destinations)
    out["destinations"].push_back(destination_json(destination, seen.time));
  out["abandonedQueues"] = Json::array();
  for (const AbandonedQueue& queue : seen.abandoned)
    out["abandonedQueues"].push_back(
        {{"folder", queue.folder.string()}, {"samples", queue.samples}, {"bytes", queue.bytes}});
  return text_of(out);
}

std::string explanation_json(const ExplainedPod& explained) {
  Json out{{"namespace", explained.pod_namespace},
           {"pod", explained.pod},
           {"scraped", is_scraped(explained)},
           {"summary", summary(explained)},
           {"jobs", Json::array()}};
  for (const Explanation* job : nearest_first(explained)) {
    Json one{{"job", job->job_id}, {"place", shown(job->place)}, {"steps", Json::array()}, {"targets", Json::array()}};
    for (const Step& step : job->walk.steps) one["steps"].push_back(step_json(step));
    for (const TargetSpec& target : job->walk.targets)
      one["targets"].push_back({{"url", target.url}, {"labels", labels_json(target.labels)}});
    out["jobs"].push_back(std::move(one));
  }
  return text_of(out);
}

}  // namespace tessera::relay
