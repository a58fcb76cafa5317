#include "server/routes.h"

#include <nlohmann/json.hpp>

#include "server/access/api_access.h"
#include "server/advice/api.h"
#include "server/alerts/actions.h"
#include "server/alerts/api.h"
#include "server/api_allocations.h"
#include "server/api_cost.h"
#include "server/api_json.h"
#include "server/api_plans.h"
#include "server/api_status.h"
#include "server/api_wanted_layout.h"
#include "server/benchmarks/api.h"
#include "server/budgets/api.h"
#include "server/cost/ledger_closer.h"
#include "server/forecast/api.h"
#include "server/openapi.h"
#include "server/resource.h"
#include "server/self_metrics.h"
#include "server/web.h"

namespace tessera::server {
namespace {

struct Shown {
  const char* path;
  Show resource;
};
constexpr Shown kShown[] = {
    {"/gpu/overview", show_overview}, {"/gpu/nodes/{node}", show_node}, {"/gpu/devices/{deviceId}", show_device}};

constexpr const char* kHeatmap = "/gpu/heatmap";

struct Listed {
  const char* path;
  List resource;
  const Columns& columns;
};
constexpr Listed kListed[] = {
    {"/gpu/nodes", list_nodes, kNodeColumns},
    {"/gpu/devices", list_devices, kDeviceColumns},
    {"/gpu/devices/{deviceId}/metrics", list_metrics, kMetricColumns},
    {"/gpu/devices/{deviceId}/layouts", list_layouts, kLayoutColumns},
    {"/gpu/devices/{deviceId}/xids", list_xids, kXidColumns},
    {"/gpu/instances", list_instances, kInstanceColumns},
    {"/gpu/sessions", list_sessions, kSessionColumns},
    {"/gpu/pods", list_pods, kPodColumns},
    {"/gpu/utilization", list_utilization, kUtilizationColumns},
    {"/gpu/serving", list_serving, kServingColumns},
    {"/gpu/models", list_models, kModelColumns},
    {"/gpu/mig-profiles", list_mig_profiles, kMigProfileColumns},
    {"/gpu/health", list_health, kHealthColumns},
};

http::Response text(int status, std::string_view type, std::string body) {
  http::Response out;
  out.status = status;
  out.content_type = type;
  out.body = std::move(body);
  return out;
}

http::Response status(const Told& told, const http::Request& request) {
  Query query(request);
  if (!query.finish()) return reply(*query.problem(), request);
  http::Response out = text(200, "application/json", json_text(status_json(told)));
  out.headers.emplace_back("X-Request-Id", request_id(request));
  return out;
}

constexpr std::string_view kText = "text/plain; charset=utf-8";

http::Response readyz(const Told& told) {
  if (told.started()) return text(200, kText, "ok\n");
  http::Response out = text(503, kText, "journal: what was accepted before the start is read again\n");
  out.headers.emplace_back("Retry-After", "1");
  return out;
}

/// Samples come in here, unless they are not wanted or not yet.
http::Response take_in(const Told& told, const http::Request& request,
                       http::Response (Intake::*take)(const http::Request&, std::size_t*)) {
  if (!told.enabled)
    return reply({403, "disabled", "gpu.management.enabled is false: this server takes no samples"}, request);
  if (!told.started()) return starting(request);
  std::size_t samples = 0;
  http::Response out = (told.intake.*take)(request, &samples);
  told.access.charge_samples(request, samples);
  return out;
}

http::Response metrics_page(const Told& told, const http::Request& request) {
  const auto published = told.fleet.get();
  if (!published) return starting(request);
  metrics::Page page;
  add_fleet_metrics(page, *published->view, *told.allocations.book());
  if (told.costs) add_cost_metrics(page, *told.costs->hourly());
  if (told.ledger) add_ledger_metrics(page, told.ledger->stats());
  if (told.budgets) add_budget_metrics(page, *told.budgets);
  if (told.cluster) add_cluster_metrics(page, told.cluster().lists);
  if (told.node_changes) add_node_metrics(page, told.node_changes());
  if (told.admission) add_admission_metrics(page, *told.admission, told.leadership.leads());
  add_alert_metrics(page, told.alerts, told.notifier);
  if (told.actions) add_action_metrics(page, told.actions->stats());
  add_self_metrics(
      page, *published,
      {told.started(), told.intake.stats(), told.keeper.stats(), told.journal.stats(), told.served(),
       told.access.stats(), footprint(), told.leadership.may_write(), told.events.stats(), told.proxy.stats(),
       told.answers->stats(), told.history.readers ? std::optional(told.history.readers->stats()) : std::nullopt,
       told.cache ? std::optional(told.cache->stats()) : std::nullopt});
  told.counts->append_to(page);
  const bool open = http::prefers(request.header("Accept"), "application/openmetrics-text", "text/plain");
  http::Response out = text(200, open ? metrics::kOpenMetricsContentType : metrics::kTextContentType,
                            open ? metrics::write_openmetrics(page) : metrics::write_text(page));
  out.headers.emplace_back("Vary", "Accept, Accept-Encoding");
  if (!http::wants_gzip(request.header("Accept-Encoding"))) return out;
  out.body = http::gzip(out.body);
  out.headers.emplace_back("Content-Encoding", "gzip");
  return out;
}

}  // namespace

namespace {

/// What changes something is the leader's alone.
void leave_to_leader(std::vector<http::Route>& routes, const Leadership& leadership, bool reading_too = false) {
  for (http::Route& route : routes) {
    if (route.method == "GET" && !reading_too) continue;
    route.handle = [&leadership, handle = std::move(route.handle)](const http::Request& request) {
      auto refused = leadership.refusal(request);
      return refused ? *std::move(refused) : handle(request);
    };
  }
}

}  // namespace

std::vector<http::Route> routes(const Told& told, const std::string& context_path) {
  const std::string api = context_path + "/api/v1";
  std::vector<http::Route> out = {
      {"GET", "/livez", [](const http::Request&) { return text(200, kText, "ok\n"); }},
      {"GET", "/readyz", [told](const http::Request&) { return readyz(told); }},
      {"GET", "/metrics", [told](const http::Request& request) { return metrics_page(told, request); }},
      {"GET", "/openapi.yaml",
       [](const http::Request&) { return text(200, "application/yaml", std::string(openapi_yaml())); }},
      {"POST", api + "/write", [told](const http::Request& request) { return take_in(told, request, &Intake::write); }},
      {"POST", api + "/import/prometheus",
       [told](const http::Request& request) { return take_in(told, request, &Intake::import_page); }},
      {"GET", api + "/events",
       [told](const http::Request& request) {
         return told.events.subscribe(request,
                                      [&access = told.access, request] { return access.still_admits(request); });
       }},
      {"GET", api + "/status", [told](const http::Request& request) { return status(told, request); }},
  };
  const auto source =
      std::make_shared<const Source>(Source{.fleet = told.fleet,
                                            .supported_models = told.supported_models,
                                            .started = told.started,
                                            .history = told.history,
                                            .answers = told.answers,
                                            .allocations = [&of = told.allocations] { return of.book(); }});
  for (const Shown& one : kShown)
    out.push_back({"GET", api + one.path,
                   [source, one](const http::Request& request) { return show(*source, one.resource, request); }});
  out.push_back(
      {"GET", api + kHeatmap, [source](const http::Request& request) { return tell(*source, tell_heatmap, request); }});
  for (const Listed& one : kListed)
    out.push_back({"GET", api + one.path, [source, one](const http::Request& request) {
                     return list(*source, one.resource, one.columns, request);
                   }});
  for (http::Route& one : access_routes(told.access, api)) out.push_back(std::move(one));
  for (http::Route& one : allocation_routes(told.fleet, told.allocations, told.history, api))
    out.push_back(std::move(one));
  for (http::Route& one : cost_routes(told.fleet, told.costs, api)) out.push_back(std::move(one));
  for (http::Route& one :
       forecast_routes(told.fleet, told.forecasts, told.costs, [&of = told.allocations] { return of.book(); }, api))
    out.push_back(std::move(one));
  for (http::Route& one : budget_routes(told.budgets, api)) out.push_back(std::move(one));
  for (http::Route& one : plan_routes(told.fleet, told.allocations, api)) out.push_back(std::move(one));
  for (http::Route& one : alert_routes(told.alerts, told.notifier, api)) out.push_back(std::move(one));
  if (told.advisor)
    for (http::Route& one : advice_routes(*told.advisor, api)) out.push_back(std::move(one));
  if (told.benchmarks)
    for (http::Route& one : benchmark_routes(*told.benchmarks, api)) out.push_back(std::move(one));
  leave_to_leader(out, told.leadership);
  // What agents report is told to the leader, which alone knows how far they are.
  auto layouts = wanted_layout_routes(
      told.fleet, told.access, told.layouts, [&of = told.allocations] { return of.book(); }, told.mig_enabled, api);
  leave_to_leader(layouts, told.leadership, true);
  for (http::Route& one : layouts) out.push_back(std::move(one));
  for (http::Route& one : sign_in_routes(told.access, context_path)) out.push_back(std::move(one));
  const std::string engine = context_path + "/prometheus";
  for (const char* method : {"GET", "POST"}) {
    for (const std::string& path : Proxy::paths())
      out.push_back({method, engine + path,
                     [told, path](const http::Request& request) { return told.proxy.forward(request, path); }});
    out.push_back({method, engine + "/api/v1/label/{name}/values",
                   [told](const http::Request& request) { return told.proxy.label_values(request); }});
  }
  for (http::Route& one : web_routes(told.web, context_path)) out.push_back(std::move(one));
  told.counts->count(out);
  return told.access.guard(std::move(out), context_path);
}

}  // namespace tessera::server
