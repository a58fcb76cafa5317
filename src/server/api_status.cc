#include "server/api_status.h"

#include <nlohmann/json.hpp>
#include <numeric>

#include "server/api_json.h"
#include "server/events.h"
#include "server/proxy.h"

namespace tessera::server {
namespace {

Json senders_json(const std::vector<Sender>& senders) {
  Json out = Json::array();
  for (const Sender& one : senders)
    out.push_back({{"agent", text_or_null(one.agent)},
                   {"address", text_or_null(one.peer)},
                   {"lastRequest", time_json(one.last)},
                   {"newestSample", time_or_null(one.newest)},
                   {"requests", one.requests},
                   {"samples", one.samples},
                   {"leftOut", one.left_out},
                   {"refused", one.refused},
                   {"lastRefusal", text_or_null(one.last_refusal)}});
  return out;
}

}  // namespace

Json cluster_json(const std::optional<ClusterWatchStats>& watched) {
  const ClusterWatchStats of = watched.value_or(ClusterWatchStats{});
  Json lists = Json::array();
  for (const ClusterListStats& one : of.lists)
    lists.push_back({{"resource", one.resource},
                     {"objects", one.watch.objects},
                     {"connected", one.watch.connected},
                     {"synced", one.watch.synced},
                     {"asOf", time_or_null(one.as_of)},
                     {"why", text_or_null(one.watch.last_error)}});
  return {{"watched", watched.has_value()},
          {"name", text_or_null(of.cluster)},
          {"lists", std::move(lists)},
          {"resourceMetrics",
           {{"works", or_null(of.use.works)},
            {"answered", time_or_null(of.use.answered)},
            {"why", text_or_null(of.use.why)}}}};
}

Json status_json(const Told& told) {
  const IntakeStats intake = told.intake.stats();
  const KeeperStats keeper = told.keeper.stats();
  const journal::Stats journal = told.journal.stats();
  const EventStats events = told.events.stats();
  std::uint64_t dropped = 0;
  for (const journal::Count& count : journal.dropped) dropped += count.items;
  Json metrics_api{{"configured", told.proxy.configured()}, {"url", nullptr}, {"works", nullptr}, {"why", nullptr}};
  if (told.proxy.configured()) {
    const auto trouble = told.proxy.trouble();
    metrics_api["url"] = told.proxy.url();
    metrics_api["works"] = !trouble;
    metrics_api["why"] = trouble ? Json(*trouble) : Json(nullptr);
  }
  const bool leads = told.leadership.may_write();
  const Leadership::State leader = told.leadership.state();
  return {{"time", time_json(now_epoch_ms())},
          {"version", TESSERA_VERSION},
          {"ready", told.started()},
          {"leads", leads},
          {"leader", text_or_null(leads || leader.elsewhere ? leader.leader : std::string())},
          {"profiles", told.profiles},
          {"access", {{"asksForKeys", !told.access.stats().open_to_everybody}}},
          {"database",
           {{"kind", told.database},
            {"failing", keeper.failing},
            {"failedSaves", keeper.failed_saves},
            {"unsaved", keeper.unsaved},
            {"savedAt", keeper.saved_at == 0 ? Json(nullptr) : time_json(keeper.saved_at)}}},
          {"ingest",
           {{"requests", intake.requests},
            {"samples", intake.samples},
            {"refused", std::accumulate(intake.refused.begin(), intake.refused.end(), std::uint64_t{0})},
            {"lastRefusal", text_or_null(intake.last_refusal)},
            {"senders", senders_json(told.intake.senders().all())}}},
          {"journal",
           {{"records", journal.pending.records}, {"diskBytes", journal.disk_bytes}, {"droppedSamples", dropped}}},
          {"metricsApi", metrics_api},
          {"cluster", cluster_json(told.cluster ? std::optional(told.cluster()) : std::nullopt)},
          {"events", {{"clients", events.clients}, {"lost", events.lost}}}};
}

}  // namespace tessera::server
