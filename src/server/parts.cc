#include "server/parts.h"

#include <algorithm>

#include "base/log.h"
#include "fleet/cluster/owners.h"
#include "server/access/node_tokens.h"
#include "server/budgets/start.h"
#include "server/cost/sight.h"
#include "server/problem.h"
#include "store/installation.h"

namespace tessera::server {
namespace {

constexpr unsigned kThreads = 8;  // who writes waits for the disk; those who wait for the database come on top

/// Of the namespaces of the cluster that is watched.
Teams teams_in(const fleet::ClusterView& cluster) {
  Teams out;
  for (const auto& [name, space] : cluster.namespaces)
    if (const auto team = fleet::team_of_namespace(cluster, cluster.cluster, name); !team.empty()) out[name] = team;
  return out;
}

/// The API server of the cluster that the server runs in.
Result<kube::ApiServer> own_cluster(const Settings& settings) {
  auto api = TRY(kube::in_cluster(settings.service_account.empty() ? kube::kServiceAccount : settings.service_account));
  api.user_agent = "tessera-server/" TESSERA_VERSION;
  return api;
}

using NodeOfToken = std::function<Result<std::string>(const std::string&)>;

/// The nodes of the tokens that their agents show.
Result<NodeOfToken> nodes_of_tokens(const Settings& settings) {
  auto api = own_cluster(settings);
  if (!api) return fail(api.error().code, "server.access.node-accounts: {}", api.error().what);
  const auto tokens = std::make_shared<NodeTokens>(
      *std::move(api), std::set<std::string>(settings.node_accounts.begin(), settings.node_accounts.end()));
  NodeOfToken out = [tokens, cluster = settings.cluster_name](const std::string& token) -> Result<std::string> {
    return node_key_name(cluster, TRY(tokens->node_of(token, std::chrono::steady_clock::now())));
  };
  return out;
}

}  // namespace

Result<AccessSettings> access_settings(const Settings& settings, const Options& options,
                                       const Latest<fleet::ClusterView>& cluster) {
  AccessSettings out;
  out.insecure = settings.insecure_no_auth || options.insecure_no_auth;
  out.open_metrics = settings.open_metrics;
  out.key_files = {{"admin", settings.admin_key_file}, {"ingest", settings.ingest_key_file}};
  out.teams = settings.teams;
  out.teams_told = [&cluster] {
    const auto known = cluster.get();
    return known ? teams_in(*known) : Teams();
  };
  out.oidc = settings.oidc;
  if (!settings.node_accounts.empty()) out.node_of_token = TRY(nodes_of_tokens(settings));
  out.public_url = settings.public_url;
  const auto rate = [](const auto& limit) { return limit ? std::optional(static_cast<double>(*limit)) : std::nullopt; };
  out.requests_per_second = rate(settings.requests_per_second);
  out.samples_per_second = rate(settings.samples_per_second);
  return out;
}

http::ServerOptions server_options(const Settings& settings, const Options& options, const IntakeLimits& limits) {
  http::ServerOptions out;
  out.address = options.address.empty() ? settings.address : options.address;
  out.handlers = kThreads + 2 * static_cast<unsigned>(settings.database_pool_size);
  out.max_body_bytes = limits.body_bytes;
  out.max_connections = 2048;  // a thousand of them may follow the events
  if (!settings.tls_certificate.empty()) {
    out.tls.emplace();
    out.tls->cert_file = settings.tls_certificate;
    out.tls->key_file = settings.tls_key;
    out.tls->client_ca_file = settings.tls_client_ca;
  }
  out.finish = [tls = out.tls.has_value()](const http::Request& request, http::Response& response) {
    finish_reply(request, response, tls);
  };
  return out;
}

ProxyOptions proxy_options(const Settings& settings) {
  ProxyOptions out;
  out.url = settings.prometheus_url;
  out.username = settings.prometheus_username;
  out.password_file = settings.prometheus_password_file;
  out.bearer_token_file = settings.prometheus_bearer_token_file;
  out.ca_file = settings.prometheus_ca_file;
  out.deadline = settings.prometheus_timeout;
  return out;
}

KeeperOptions keeper_options(const Settings& settings, const Latest<fleet::ClusterView>& cluster) {
  KeeperOptions out;
  out.cluster = &cluster;
  out.retention.five_minutes = std::chrono::hours(24 * settings.retention_days);
  out.fleet.interval = out.serving.interval = settings.collection_interval;
  out.fleet.nodes = settings.pool_nodes;
  if (settings.pool_max_devices) out.fleet.max_devices = static_cast<std::size_t>(*settings.pool_max_devices);
  return out;
}

Result<ActionOptions> action_options(const Settings& settings, bool leads, bool watches,
                                     std::function<bool()> may_write) {
  ActionOptions out;
  out.leads = leads;
  out.cluster = settings.cluster_name;
  if (leads && watches) out.nodes = TRY(own_cluster(settings));
  out.may_write = std::move(may_write);
  return out;
}

Result<AllocationOptions> allocation_options(const Settings& settings, bool leads, const AlertActions& actions,
                                             const Budgets* budgets) {
  AllocationOptions out;
  out.excluded = [&actions] { return actions.excluded(); };
  out.leads = leads;
  out.may_cut = settings.mig_enabled;
  out.may_switch_on = settings.mig_switch_on;
  out.cleanup = settings.mig_auto_cleanup;
  out.cleanup_after = settings.mig_cleanup_after;
  out.gone_after = 2 * settings.collection_interval;
  out.keep_room_after = settings.keep_room_after;
  out.policy = settings.allocation_policy;
  out.lent = [cost = settings.cost](const std::string& cluster, const std::string& node,
                                    const fleet::LabelMap& labels) {
    return place_of(cost, cluster, node, &labels).purchase == fleet::Purchase::Spot;
  };
  out.budgets = budget_words(settings, budgets);
  out.payer = payer_by(settings);
  for (const auto& [model, rate] : settings.cost.default_rates) out.prices[model] = TRY(fleet::parse_decimal(rate));
  return out;
}

Result<std::unique_ptr<ClusterWatch>> watch_cluster(const Settings& settings, Latest<fleet::ClusterView>& view,
                                                    const Latest<Published>& fleet,
                                                    const store::ClusterNodes& known_nodes) {
  if (settings.cluster_metadata == "false") return std::unique_ptr<ClusterWatch>();
  auto api = own_cluster(settings);
  if (!api && settings.cluster_metadata == "auto") return std::unique_ptr<ClusterWatch>();
  if (!api) return fail(api.error().code, "cluster-metadata.enabled: {}", api.error().what);
  log::info("watching the cluster", {{"cluster", settings.cluster_name}, {"api", api->url}});
  ClusterWatchOptions options;
  options.cluster = settings.cluster_name;
  options.team_labels = settings.team_labels;
  options.known_nodes = known_nodes;
  return std::make_unique<ClusterWatch>(*std::move(api), options, view, [&fleet, name = settings.cluster_name] {
    const auto known = fleet.get();
    return known ? holders_in(*known->view, name) : std::vector<std::string>();
  });
}

Result<std::unique_ptr<SharedCache>> shared_cache(const Settings& settings, const std::string& url, bool shared) {
  if (settings.cache_url.empty()) return std::unique_ptr<SharedCache>();
  if (!shared) {
    log::warn("cache.url has no effect: servers share nothing without a database that they share", {});
    return std::unique_ptr<SharedCache>();
  }
  SharedCacheOptions options = TRY(parse_cache_url(settings.cache_url));
  options.username = settings.cache_username;
  options.password_file = settings.cache_password_file;
  options.prefix = "tessera:" + TRY(store::installation(*TRY(store::Database::open(url))));
  return std::make_unique<SharedCache>(std::move(options));
}

std::unique_ptr<Advisor> open_advisor(const Settings& settings, bool leads, const Latest<Published>& fleet,
                                      Changes& changes, store::Readers& readers, Costs* costs,
                                      std::function<bool()> started, const Allocations& allocations) {
  if (!settings.advice.enabled) return nullptr;
  AdvisorOptions options;
  options.leads = leads;
  options.note_every = std::min(options.note_every, 2 * settings.collection_interval);
  options.run_every = settings.advice.every;
  options.advice = settings.advice.options;
  options.windowing = settings.advice.windowing;
  for (const fleet::alerts::Rule& one : settings.alerts.rules)
    if (!one.copy_of.empty()) options.alert_copies[one.name] = one.copy_of;
  options.windowing.most =
      std::min<Milliseconds>(options.windowing.most, std::chrono::hours(24 * settings.retention_days));
  // Those who follow give no advice. Where nothing of the cluster is watched, nothing is known of its quotas either.
  if (auto api = own_cluster(settings); leads && api && settings.cluster_metadata != "false")
    options.refusals = [watch = std::make_shared<RefusalWatch>(*std::move(api))](EpochMs now) {
      return watch->standing(now);
    };
  options.consolidations = [&allocations](const Published& known) { return consolidations(known, allocations); };
  return std::make_unique<Advisor>(fleet, changes, readers, costs, std::move(started), std::move(options));
}

Result<std::unique_ptr<NodeChanges>> change_nodes(const Settings& settings, bool leads, bool watches,
                                                  const Latest<Published>& fleet,
                                                  const Latest<fleet::ClusterView>& cluster, Changes& changes,
                                                  WantedLayouts& layouts, Events& events, std::function<bool()> started,
                                                  std::function<bool()> may_write) {
  if (!leads || !watches || !settings.mig_enabled) return std::unique_ptr<NodeChanges>();
  NodeChangeOptions options;
  options.rules = settings.node_rules;
  options.may_write = std::move(may_write);
  return std::make_unique<NodeChanges>(TRY(own_cluster(settings)), settings.cluster_name, fleet, cluster, changes,
                                       layouts, events, std::move(started), std::move(options));
}

Result<Admission> admit_pods(const Settings& settings, std::string& address, const Behind& behind,
                             std::function<bool()> may_act) {
  Admission out;
  if (address.empty()) return out;
  DoorOptions options;
  options.address = address;
  options.certificate = settings.admission_certificate;
  options.key = settings.admission_key;
  options.client_ca = settings.admission_client_ca;
  options.cluster = settings.cluster_name;
  options.extender = settings.admission_extender;
  out.door = std::make_unique<Door>(std::move(options), behind, address);
  if (!behind.leadership.leads()) return out;
  GateOptions gates;
  gates.patience = settings.node_rules.plugin_limit + std::chrono::minutes(2);
  auto api = own_cluster(settings);
  if (!api) return fail(api.error().code, "server.admission.address: {}", api.error().what);
  out.gates = std::make_unique<Gates>(*std::move(api), behind.fleet, behind.allocations, std::move(may_act),
                                      behind.counts, gates);
  return out;
}

Result<Writing> open_writing(const std::string& url, const Settings& settings, const Leadership& leadership,
                             std::int64_t epoch) {
  const bool leads = !leadership.shared() || epoch > 0;
  const store::DatabaseOptions storing{.batch_rows = static_cast<std::size_t>(settings.batch_size),
                                       .needed = [&leadership, epoch] { return leadership.lasts(epoch); }};
  Writing out;
  for (auto* one : {&out.keeping, &out.access, &out.ledger, &out.others}) {
    if (one == &out.others && !leadership.shared()) continue;
    if (one == &out.ledger && !(leads && settings.cost.enabled)) continue;
    *one = TRY(store::Database::open(url, storing));
    if (leads) (*one)->guard(leadership.guard(epoch));
  }
  return out;
}

}  // namespace tessera::server
