#include "operator/self_metrics.h"

#include "metrics/own.h"
#include "operator/catalog.h"

namespace tessera::operate {
namespace {

using metrics::label_text;
using metrics::Page;

double number(std::uint64_t count) { return static_cast<double>(count); }

/// A point for each of these values, with 0 before anything was counted.
void add_counts(Page& page, const metrics::Metric& metric, std::string_view label,
                std::initializer_list<const char*> known, std::map<std::string, std::uint64_t> counts) {
  page.family(metric);
  for (const char* const value : known) counts.try_emplace(value, 0);
  for (const auto& [value, count] : counts) page.add(page.labels(label_text({{label, value}})), number(count));
}

void add_totals(Page& page, const Totals& totals) {
  page.family(catalog::kCondition.metric);
  for (const auto& [type, status] : totals.conditions)
    for (const auto* each : {"True", "False", "Unknown"})
      page.add(page.labels(label_text({{"type", type}, {"status", each}})), status == each ? 1 : 0);
  add_counts(page, catalog::kReconciles.metric, "result", {"good", "failed"}, totals.reconciles);
  metrics::append_single(page, catalog::kReconcileSeconds.metric, totals.reconcile_seconds);
  metrics::append_single(page, catalog::kWaiting.metric, number(totals.waiting));
  metrics::append_single(page, catalog::kFought.metric, number(totals.fought));
  constexpr double kMs = 1'000;
  if (totals.certificate_expiry)
    metrics::append_single(page, catalog::kCertificateExpiry.metric,
                           static_cast<double>(*totals.certificate_expiry) / kMs);
  add_counts(page, catalog::kWrites.metric, "kind", {"apply", "repair", "create", "delete", "status", "event"},
             totals.writes);
  add_counts(page, catalog::kRefused.metric, "reason", {"Forbidden", "Invalid", "Conflict", "InternalError"},
             totals.refused);
  page.family(catalog::kCalls.metric);
  for (const auto& [call, count] : totals.calls)
    page.add(page.labels(label_text({{"method", call.first}, {"status", std::to_string(call.second)}})), number(count));
}

void add_watches(Page& page, const std::map<std::string, kube::WatchStats>& watches) {
  page.family(catalog::kWatchUp.metric);
  for (const auto& [kind, stats] : watches)
    page.add(page.labels(label_text({{"kind", kind}})), stats.connected ? 1 : 0);
  page.family(catalog::kWatchReads.metric);
  for (const auto& [kind, stats] : watches) {
    page.add(page.labels(label_text({{"kind", kind}, {"verb", "list"}})), number(stats.lists));
    page.add(page.labels(label_text({{"kind", kind}, {"verb", "watch"}})), number(stats.watches));
  }
  page.family(catalog::kWatchEvents.metric);
  for (const auto& [kind, stats] : watches) page.add(page.labels(label_text({{"kind", kind}})), number(stats.events));
  page.family(catalog::kWatchErrors.metric);
  for (const auto& [kind, stats] : watches)
    for (const auto& [error, count] : stats.errors)
      page.add(page.labels(label_text({{"kind", kind}, {"error", error}})), number(count));
}

}  // namespace

Page self_metrics(const Overview& seen, const Footprint& process) {
  constexpr double kMs = 1'000;
  Page page;
  metrics::append_single(page, catalog::kBuildInfo.metric, 1, label_text({{"version", TESSERA_VERSION}}));
  metrics::append_single(page, catalog::kLeader.metric, seen.leads ? 1 : 0);
  add_totals(page, seen.totals);
  add_watches(page, seen.watches);
  metrics::append_single(page, catalog::kCpuSeconds.metric, process.cpu_seconds);
  if (process.resident_bytes) metrics::append_single(page, catalog::kResident.metric, number(*process.resident_bytes));
  metrics::append_single(page, catalog::kStartTime.metric, static_cast<double>(seen.started) / kMs);
  return page;
}

}  // namespace tessera::operate
