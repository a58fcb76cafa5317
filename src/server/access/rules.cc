#include "server/access/rules.h"

#include <string>

namespace tessera::server {
namespace {

using enum Scope;
using enum Tenants;

constexpr Rule kRules[] = {
    {"GET", "/livez", std::nullopt, Filtered},
    {"GET", "/readyz", std::nullopt, Filtered},
    {"GET", "/openapi.yaml", std::nullopt, Filtered},
    // The dashboard's files, which hold nothing of the fleet; what they ask needs a key.
    {"GET", "/", std::nullopt, Filtered},
    {"GET", "/assets/{file}", std::nullopt, Filtered},
    {"GET", "/inventory", std::nullopt, Filtered},
    {"GET", "/inventory/{node}", std::nullopt, Filtered},
    {"GET", "/inventory/{node}/{device}", std::nullopt, Filtered},
    {"GET", "/pods", std::nullopt, Filtered},
    {"GET", "/pods/{namespace}/{pod}", std::nullopt, Filtered},
    {"GET", "/sessions", std::nullopt, Filtered},
    {"GET", "/serving", std::nullopt, Filtered},
    {"GET", "/allocations", std::nullopt, Filtered},
    {"GET", "/allocations/new", std::nullopt, Filtered},
    {"GET", "/cost", std::nullopt, Filtered},
    {"GET", "/budgeting", std::nullopt, Filtered},
    {"GET", "/alerting", std::nullopt, Filtered},
    {"GET", "/advising", std::nullopt, Filtered},
    {"GET", "/benchmarking", std::nullopt, Filtered},
    {"GET", "/forecast", std::nullopt, Filtered},
    {"GET", "/settings", std::nullopt, Filtered},
    {"GET", "/signin", std::nullopt, Filtered},
    // How one comes by a credential.
    {"GET", "/access/oidc", std::nullopt, Filtered},
    {"POST", "/access/oidc/token", std::nullopt, Filtered},
    {"GET", "/metrics", Read, Refused},
    {"POST", "/write", Ingest, Refused},
    {"GET", "/gpu/overview", Read, Filtered},
    {"GET", "/gpu/heatmap", Read, Filtered},
    {"GET", "/gpu/nodes", Read, Filtered},
    {"GET", "/gpu/nodes/{node}", Read, Filtered},
    {"GET", "/gpu/devices", Read, Filtered},
    {"GET", "/gpu/devices/{deviceId}", Read, Filtered},
    {"GET", "/gpu/instances", Read, Filtered},
    {"GET", "/gpu/sessions", Read, Filtered},
    {"GET", "/gpu/pods", Read, Filtered},
    {"GET", "/gpu/utilization", Read, Filtered},
    {"GET", "/gpu/models", Read, Filtered},
    {"GET", "/gpu/mig-profiles", Read, Filtered},
    {"GET", "/gpu/health", Read, Filtered},
    {"GET", "/gpu/devices/{deviceId}/metrics", Read, Filtered},
    {"GET", "/gpu/devices/{deviceId}/layouts", Read, Filtered},
    {"GET", "/gpu/devices/{deviceId}/xids", Read, Filtered},
    {"GET", "/gpu/devices/{deviceId}/mig", Read, Refused},
    {"POST", "/gpu/devices/{deviceId}/mig", Operate, Refused},
    {"DELETE", "/gpu/devices/{deviceId}/mig", Operate, Refused},
    {"DELETE", "/gpu/devices/{deviceId}/mig/{instance}", Operate, Refused},
    {"GET", "/gpu/allocations", Read, Filtered},
    {"POST", "/gpu/allocations", Operate, Filtered},
    {"GET", "/gpu/allocations/{allocationId}", Read, Filtered},
    {"DELETE", "/gpu/allocations/{allocationId}", Operate, Filtered},
    {"GET", "/gpu/defragmentation", Read, Refused},
    {"GET", "/gpu/what-if", Read, Refused},
    {"GET", "/cost/allocation", Read, Filtered},
    {"GET", "/cost/teams", Read, Filtered},
    {"GET", "/cost/projects", Read, Filtered},
    {"GET", "/cost/trend", Read, Filtered},
    {"GET", "/cost/export", Read, Filtered},
    {"GET", "/cost/tokens", Read, Filtered},
    {"GET", "/forecast/usage", Read, Filtered},
    {"GET", "/forecast/cost", Read, Filtered},
    {"GET", "/forecast/demand", Read, Filtered},
    {"GET", "/forecast/patterns", Read, Filtered},
    {"GET", "/forecast/capacity", Read, Refused},
    {"GET", "/forecast/scopes", Read, Filtered},
    {"GET", "/budgets", Read, Filtered},
    {"POST", "/budgets", Operate, Refused},
    {"GET", "/budgets/{budgetId}", Read, Filtered},
    {"PUT", "/budgets/{budgetId}", Operate, Refused},
    {"DELETE", "/budgets/{budgetId}", Operate, Refused},
    {"POST", "/nodes/{node}/layout", Node, Refused},
    {"GET", "/alerts", Read, Refused},
    {"GET", "/alerts/history", Read, Refused},
    {"GET", "/alerts/actions", Read, Refused},
    {"GET", "/alerts/rules", Read, Refused},
    {"GET", "/alerts/silences", Read, Refused},
    {"POST", "/alerts/silences", Operate, Refused},
    {"DELETE", "/alerts/silences/{silenceId}", Operate, Refused},
    {"POST", "/alerts/test", Operate, Refused},
    {"GET", "/advice", Read, Filtered},
    {"GET", "/advice/{adviceId}", Read, Filtered},
    {"POST", "/advice/{adviceId}/accept", Operate, Refused},
    {"POST", "/advice/{adviceId}/snooze", Operate, Refused},
    {"POST", "/advice/{adviceId}/dismiss", Operate, Refused},
    {"POST", "/advice/{adviceId}/reopen", Operate, Refused},
    {"GET", "/benchmarks", Read, Filtered},
    {"POST", "/benchmarks", Operate, Refused},
    {"DELETE", "/benchmarks", Operate, Refused},
    {"DELETE", "/benchmarks/{benchmarkId}", Operate, Refused},
    {"GET", "/benchmarks/export", Read, Filtered},
    {"GET", "/benchmarks/compare", Read, Filtered},
    {"GET", "/benchmarks/regressions", Read, Filtered},
    {"GET", "/gpu/serving", Read, Filtered},
    {"GET", "/events", Read, Filtered},
    {"GET", "/status", Read, Refused},
    {"POST", "/import/prometheus", Ingest, Refused},
    {"GET", "/prometheus/api/v1/query", Read, Refused},
    {"POST", "/prometheus/api/v1/query", Read, Refused},
    {"GET", "/prometheus/api/v1/query_range", Read, Refused},
    {"POST", "/prometheus/api/v1/query_range", Read, Refused},
    {"GET", "/prometheus/api/v1/series", Read, Refused},
    {"POST", "/prometheus/api/v1/series", Read, Refused},
    {"GET", "/prometheus/api/v1/labels", Read, Refused},
    {"POST", "/prometheus/api/v1/labels", Read, Refused},
    {"GET", "/prometheus/api/v1/label/{name}/values", Read, Refused},
    {"POST", "/prometheus/api/v1/label/{name}/values", Read, Refused},
    {"GET", "/access/whoami", Read, Filtered},
    {"GET", "/access/keys", Admin, Refused},
    {"POST", "/access/keys", Admin, Refused},
    {"GET", "/access/keys/{id}", Admin, Refused},
    {"DELETE", "/access/keys/{id}", Admin, Refused},
    {"GET", "/audit", Admin, Refused},
};

}  // namespace

std::span<const Rule> rules() { return kRules; }

const Rule* rule_of(std::string_view method, std::string_view path, std::string_view context_path) {
  const std::string api = std::string(context_path) + "/api/v1";
  if (path == context_path) path = "/";
  if (const auto asset = std::string(context_path) + "/assets/"; path.starts_with(asset)) path = "/assets/{file}";
  for (const std::string_view root : {std::string_view(api), context_path}) {
    if (root.empty() || !path.starts_with(root) || path.size() == root.size() || path[root.size()] != '/') continue;
    path.remove_prefix(root.size());
    break;
  }
  for (const Rule& rule : kRules)
    if (rule.method == method && rule.path == path) return &rule;
  return nullptr;
}

}  // namespace tessera::server
