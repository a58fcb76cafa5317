#include "server/self_metrics.h"

#include <algorithm>
#include <initializer_list>
#include <map>

#include "fleet/allocation/sightings.h"
#include "fleet/inventory/catalogue.h"
#include "metrics/own.h"
#include "server/catalog.h"

namespace tessera::server {
namespace {

using metrics::append_single;
using metrics::label_text;
using metrics::Page;

double number(std::uint64_t count) { return static_cast<double>(count); }

struct Counted {
  std::string_view value;
  std::uint64_t count;
};

void add_counts(Page& page, const Described& described, std::string_view label, std::initializer_list<Counted> counts) {
  page.family(described.metric);
  for (const auto& [value, count] : counts) page.add(page.labels(label_text({{label, value}})), number(count));
}

/// Whether another board has its place, and was heard of later: for an interval or two both are present.
bool is_replaced(const fleet::Node& node, const fleet::Device& device) {
  return std::ranges::any_of(node.devices, [&](const fleet::Device& other) {
    return &other != &device && other.facts->index == device.facts->index &&
           other.presence == fleet::Presence::Present && other.heard > device.heard;
  });
}

template <class Visit>
void each_device(const fleet::View& view, const Visit& visit) {
  for (const auto& node : view.nodes)
    for (const fleet::Device& device : node->devices)
      if (device.presence == fleet::Presence::Present && !is_replaced(*node, device)) visit(*node, device);
}

/// A node's name is its cluster's alone; that of the default cluster is not told.
std::string device_labels(const fleet::Node& node, const fleet::Device& device) {
  const std::string id = fleet::device_id(node.name, device.facts->index);
  if (node.cluster.empty() || node.cluster == "default") return label_text({{"device_id", id}});
  return label_text({{"cluster", node.cluster}, {"device_id", id}});
}

void add_allocation_ratios(Page& page, const fleet::View& view, const fleet::AllocationBook& allocations) {
  struct Instances {
    std::uint64_t all = 0, had = 0;
  };
  std::map<std::string, Instances> by_profile;
  each_device(view, [&](const fleet::Node& node, const fleet::Device& device) {
    if (device.instances.empty()) return;
    for (const fleet::DevicePart& part : fleet::parts_of(device)) {
      if (part.instance->facts->profile.empty()) continue;
      Instances& of = by_profile[part.instance->facts->profile];
      ++of.all;
      const auto use = fleet::use_of(device, part).use;
      const auto place = fleet::place_of(node, device, part.part);
      const bool promised = place && allocations.owner_of(node.cluster, *place);
      if (use == fleet::Use::Active || use == fleet::Use::Idle || promised) ++of.had;
    }
  });
  page.family(catalog::kMigAllocationRatio.metric);
  for (const auto& [profile, of] : by_profile)
    page.add(page.labels(label_text({{"profile", profile}})), number(of.had) / number(of.all));
}

void add_journal(Page& page, const journal::Stats& journal) {
  using journal::DropReason;
  append_single(page, catalog::kJournalRecords.metric, number(journal.pending.records));
  append_single(page, catalog::kJournalBytes.metric, number(journal.disk_bytes));
  add_counts(page, catalog::kJournalDropped, "reason",
             {{"full", journal.dropped_by(DropReason::Full).items},
              {"age", journal.dropped_by(DropReason::Age).items},
              {"corrupt", journal.dropped_by(DropReason::Corrupt).items}});
  append_single(page, catalog::kJournalErrors.metric, number(journal.write_errors));
  append_single(page, catalog::kJournalSyncs.metric, number(journal.syncs));
}

void add_intake(Page& page, const IntakeStats& intake, const KeeperStats& keeper) {
  append_single(page, catalog::kRequests.metric, number(intake.requests));
  page.family(catalog::kRefused.metric);
  for (std::size_t i = 0; i < kRefusals; ++i)
    page.add(page.labels(label_text({{"reason", refusal_name(static_cast<Refusal>(i))}})), number(intake.refused[i]));
  append_single(page, catalog::kSamples.metric, number(keeper.samples));
  add_counts(page, catalog::kIgnored, "reason",
             {{"future", intake.too_new},
              {"too_old", intake.too_old},
              {"not_newer", keeper.not_newer},
              {"unknown_metric", keeper.ignored},
              {"exemplar", intake.exemplars},
              {"histogram", intake.histograms}});
  append_single(page, catalog::kClamped.metric, number(keeper.clamped));
  append_single(page, catalog::kQueuedBytes.metric, number(keeper.queued_bytes));
  append_single(page, catalog::kUsageRows.metric, number(keeper.usage_rows));
  append_single(page, catalog::kUsageTooLate.metric, number(keeper.usage_too_late));
  append_single(page, catalog::kSaveSeconds.metric, keeper.save_seconds);
  append_single(page, catalog::kFailedSaves.metric, number(keeper.failed_saves));
}

void add_http(Page& page, const http::ServerStats& http) {
  append_single(page, catalog::kHttpRequests.metric, number(http.requests));
  append_single(page, catalog::kHttpConnections.metric, number(http.connections));
  add_counts(page, catalog::kHttpRefused, "reason",
             {{"connections", http.refused_connections},
              {"header_size", http.refused_headers},
              {"body_size", http.refused_bodies},
              {"unauthorized", http.unauthorized},
              {"timeout", http.timeouts},
              {"failed", http.failed_handlers}});
}

void add_answers(Page& page, const AnswersStats& answers, const std::optional<SharedCacheStats>& cache) {
  add_counts(page, catalog::kAnswers, "from",
             {{"view", answers.made}, {"kept", answers.kept}, {"shared_cache", answers.shared}});
  if (!cache) return;
  append_single(page, catalog::kSharedCacheUp.metric, cache->up ? 1 : 0);
  append_single(page, catalog::kSharedCacheFailed.metric, number(cache->failed));
}

void add_access(Page& page, const AccessStats& access) {
  append_single(page, catalog::kOpenToAll.metric, access.open_to_all ? 1 : 0);
  append_single(page, catalog::kApiKeys.metric, number(access.keys));
  page.family(catalog::kAccessRefused.metric);
  for (std::size_t i = 0; i < kRefused; ++i)
    page.add(page.labels(label_text({{"reason", refused_name(static_cast<Refused>(i))}})), number(access.refused[i]));
}

void add_edges(Page& page, const SelfSeen& seen) {
  page.family(catalog::kEvents.metric);
  for (std::size_t i = 0; i < fleet::kChangeKinds; ++i)
    page.add(page.labels(label_text({{"type", fleet::change_name(static_cast<fleet::ChangeKind>(i))}})),
             number(seen.events.events[i]));
  append_single(page, catalog::kEventClients.metric, number(seen.events.clients));
  add_counts(page, catalog::kEventClientsEnded, "reason",
             {{"gone", seen.events.lost - std::min(seen.events.lost, seen.http ? seen.http->cut_streams : 0)},
              {"slow", seen.http ? seen.http->cut_streams : 0},
              {"refused", seen.events.refused}});
  add_counts(page, catalog::kProxied, "outcome",
             {{"answered", seen.proxy.requests - seen.proxy.failed},
              {"failed", seen.proxy.failed},
              {"refused", seen.proxy.refused}});
}

}  // namespace

void add_fleet_metrics(Page& page, const fleet::View& view, const fleet::AllocationBook& allocations) {
  page.family(catalog::kGpuUtilization.metric);
  each_device(view, [&](const fleet::Node& node, const fleet::Device& device) {
    fleet::UtilizationSum sum;
    sum.add(device);
    if (const auto mean = sum.device())
      page.add(page.labels(device_labels(node, device) + ',' +
                           label_text({{"model", fleet::model_key_of(device.facts->name)}})),
               mean->ratio * 100);
  });
  page.family(catalog::kGpuTemperature.metric);
  each_device(view, [&](const fleet::Node& node, const fleet::Device& device) {
    if (const auto celsius = device.readings[gpu::Reading::TemperatureCelsius])
      page.add(page.labels(device_labels(node, device)), *celsius);
  });
  add_allocation_ratios(page, view, allocations);
}

void add_cost_metrics(Page& page, const HourlyCosts& costs) {
  const auto units = [](fleet::Micros micros) { return static_cast<double>(micros) / fleet::kUnit; };
  page.family(catalog::kHourlyCost.metric);
  for (const auto& [owner, micros] : costs.owned)
    page.add(page.labels(label_text({{"team", owner.first}, {"project", owner.second}})), units(micros));
  page.family(catalog::kHourlyCostOfNobody.metric);
  for (const auto kind : {fleet::CostKind::Unallocated, fleet::CostKind::Unobserved, fleet::CostKind::Overhead})
    page.add(page.labels(label_text({{"kind", fleet::cost_kind_name(kind)}})), units(costs.all.of(kind)));
}

void add_ledger_metrics(Page& page, const LedgerStats& ledger) {
  append_single(page, catalog::kLedgerClosed.metric, number(ledger.closed));
  append_single(page, catalog::kLedgerCorrected.metric, number(ledger.corrected));
  append_single(page, catalog::kLedgerFailures.metric, number(ledger.failures));
  append_single(page, catalog::kLedgerLate.metric, number(ledger.late));
  if (ledger.closed_until)
    append_single(page, catalog::kLedgerClosedUntil.metric, static_cast<double>(*ledger.closed_until) / 1000);
}

void add_cluster_metrics(Page& page, const std::vector<ClusterListStats>& lists) {
  page.family(catalog::kClusterObjects.metric);
  for (const ClusterListStats& one : lists)
    page.add(page.labels(label_text({{"resource", one.resource}})), number(one.watch.objects));
  page.family(catalog::kClusterConnected.metric);
  for (const ClusterListStats& one : lists)
    page.add(page.labels(label_text({{"resource", one.resource}})), one.watch.connected ? 1 : 0);
  page.family(catalog::kClusterErrors.metric);
  for (const ClusterListStats& one : lists)
    for (const auto& [kind, count] : one.watch.errors)
      page.add(page.labels(label_text({{"resource", one.resource}, {"kind", kind}})), number(count));
}

void add_node_metrics(Page& page, const NodeChangeStats& stats) {
  page.family(catalog::kNodeChanges.metric);
  for (const std::string_view state : kNodeStates) {
    const auto found = stats.nodes.find(std::string(state));
    page.add(page.labels(label_text({{"state", state}})), found == stats.nodes.end() ? 0 : number(found->second));
  }
  page.family(catalog::kNodeActs.metric);
  for (const std::string_view act : kNodeActs) {
    const auto found = stats.acts.find(std::string(act));
    page.add(page.labels(label_text({{"act", act}})), found == stats.acts.end() ? 0 : number(found->second));
  }
  append_single(page, catalog::kNodeFailures.metric, number(stats.failures));
}

void add_admission_metrics(Page& page, const AdmissionCounts& counts, bool leads) {
  page.family(catalog::kReviews.metric);
  for (std::size_t i = 0; i < kReviewed.size(); ++i)
    page.add(page.labels(label_text({{"result", kReviewed[i]}})), number(counts.reviews[i]));
  if (leads) append_single(page, catalog::kGatedPods.metric, number(counts.waiting));
  append_single(page, catalog::kGatesOpened.metric, number(counts.opened));
  append_single(page, catalog::kGateFailures.metric, number(counts.failures));
}

void add_self_metrics(Page& page, const Published& published, const SelfSeen& seen) {
  append_single(page, catalog::kBuildInfo.metric, 1, label_text({{"version", TESSERA_VERSION}}));
  append_single(page, catalog::kReady.metric, seen.ready ? 1 : 0);
  append_single(page, catalog::kLeads.metric, seen.leads ? 1 : 0);
  const fleet::Overview& all = published.overviews.all;
  page.family(catalog::kDevices.metric);
  for (std::size_t i = 0; i < fleet::kPresences; ++i)
    page.add(page.labels(label_text({{"presence", fleet::presence_name(static_cast<fleet::Presence>(i))}})),
             number(all.by_presence[i]));
  append_single(page, catalog::kNodes.metric, number(all.nodes));
  append_single(page, catalog::kSeries.metric, number(seen.keeper.series));
  append_single(page, catalog::kViewTime.metric, static_cast<double>(published.view->time) / 1000);
  append_single(page, catalog::kPublishSeconds.metric, seen.keeper.publish_seconds);
  append_single(page, catalog::kClockDisbelieved.metric,
                std::chrono::duration<double>(seen.keeper.clock_disbelieved).count());
  append_single(page, catalog::kServingEngines.metric, number(published.serving->engines.size()));
  const fleet::RefusedSeries& refused = seen.keeper.refused;
  add_counts(page, catalog::kRefusedSeries, "what",
             {{"node", refused[static_cast<std::size_t>(fleet::Bounded::Node)]},
              {"device", refused[static_cast<std::size_t>(fleet::Bounded::Device)]},
              {"instance", refused[static_cast<std::size_t>(fleet::Bounded::Instance)]},
              {"session", refused[static_cast<std::size_t>(fleet::Bounded::Row)]},
              {"series", seen.keeper.refused_keys}});
  append_single(page, catalog::kServingRefused.metric, number(seen.keeper.serving_refused));
  add_intake(page, seen.intake, seen.keeper);
  add_journal(page, seen.journal);
  if (seen.http) add_http(page, *seen.http);
  add_answers(page, seen.answers, seen.cache);
  if (seen.reads) {
    append_single(page, catalog::kStoreReads.metric, number(seen.reads->reads));
    append_single(page, catalog::kStoreReadSeconds.metric, seen.reads->seconds);
  }
  add_access(page, seen.access);
  add_edges(page, seen);
  append_single(page, catalog::kCpuSeconds.metric, seen.process.cpu_seconds);
  if (seen.process.resident_bytes) append_single(page, catalog::kResident.metric, number(*seen.process.resident_bytes));
}

}  // namespace tessera::server
