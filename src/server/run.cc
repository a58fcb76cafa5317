// The server as one sentence: read the settings, take in what is sent, keep the fleet, and tell of it.
#include "server/run.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <memory>
#include <numeric>
#include <set>
#include <thread>

#include "base/every.h"
#include "base/files.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/text.h"
#include "fleet/cluster/owners.h"
#include "server/access/access.h"
#include "server/access/node_tokens.h"
#include "server/admission/door.h"
#include "server/admission/gates.h"
#include "server/advice/advisor.h"
#include "server/alerts/actions.h"
#include "server/alerts/alerts.h"
#include "server/alerts/cost_past.h"
#include "server/alerts/news.h"
#include "server/alerts/notifier.h"
#include "server/allocations.h"
#include "server/backup.h"
#include "server/benchmarks/benchmarks.h"
#include "server/budgets/start.h"
#include "server/cluster_watch.h"
#include "server/cost/sight.h"
#include "server/cost/start.h"
#include "server/events.h"
#include "server/forecast/forecasts.h"
#include "server/forecast/queue_log.h"
#include "server/intake.h"
#include "server/keeper.h"
#include "server/leadership.h"
#include "server/node_changes/node_changes.h"
#include "server/problem.h"
#include "server/proxy.h"
#include "server/replica.h"
#include "server/routes.h"
#include "server/settings.h"
#include "server/shared_cache.h"
#include "store/database.h"
#include "store/installation.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kShutdown = 9s;
constexpr Milliseconds kLook = 50ms;
constexpr Milliseconds kAgain = 1s;
constexpr unsigned kThreads = 8;  // who writes waits for the disk; those who wait for the database come on top
constexpr std::uint64_t kJournalBytes = 4ULL << 30U;

void exit_when_stuck() {
  std::thread([] {
    std::this_thread::sleep_for(kShutdown);
    log::error("shutdown took too long, leaving; what was accepted is on disk",
               {{"after", format_duration(kShutdown)}});
    _exit(EXIT_FAILURE);
  }).detach();
}

std::optional<std::string> environment(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

std::string data_of(const Options& options) { return options.data.empty() ? "/var/lib/tessera-server" : options.data; }

std::string database_url(const Settings& settings, const std::string& data) {
  return settings.database_url.empty() ? "sqlite:" + data + "/tessera.db" : settings.database_url;
}

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

/// Null where the server is to watch none: outside of a cluster, unless the settings insist on one.
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

/// What the last run came to. A journal that has not come as far as the database is another one.
Result<store::Resumed> resume(store::Database& database, const journal::Journal& journal, const Settings& settings) {
  TRY(store::prepare_usage(database, fleet::span_for(settings.collection_interval)));
  store::Resumed out = TRY(store::resume(database));
  if (journal.last() >= out.progress.counted) return out;
  log::warn(
      "the journal is not the one that the database was written from: all that it holds is counted",
      {{"journal_ends_at", std::to_string(journal.last())}, {"database_is_at", std::to_string(out.progress.counted)}});
  out.progress = {};
  return out;
}

/// The address that others can reach, where it listens on all.
std::string reachable(const std::string& address) {
  for (const std::string_view all : {"0.0.0.0:", "[::]:"})
    if (address.starts_with(all)) {
      char name[256] = "localhost";
      gethostname(name, sizeof name - 1);
      const std::string host = environment("POD_IP").value_or(name);
      return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + address.substr(all.size());
    }
  return address;
}

/// On a database that servers share, who leads is settled among them. Its tables are brought up to date first.
Result<std::unique_ptr<Leadership>> settle_leadership(const std::string& url, const std::string& journal) {
  if (!store::is_shared(url)) return std::make_unique<Leadership>();
  TRY(store::Database::open(url));
  const store::DatabaseOptions impatient{.connect_timeout = 2s, .statement_timeout = 2s, .migrate = false};
  return std::make_unique<Leadership>(TRY(store::Database::open(url, impatient)), store::Candidate{journal, "", 10s});
}

/// Where what is kept stands; in development a folder that goes with the process.
class DataFolder {
 public:
  DataFolder(const Settings& settings, const Options& options) : path_(options.data) {
    if (path_.empty() && settings.development) path_ = own_.emplace().path().string();
    if (path_.empty()) path_ = data_of(options);
  }
  const std::string& path() const { return path_; }

 private:
  std::optional<TempDir> own_;
  std::string path_;
};

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

/// Null where none is to be used: one server alone has nobody to share with.
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

/// Null where no advice is asked for.
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
  options.windowing.most =
      std::min<Milliseconds>(options.windowing.most, std::chrono::hours(24 * settings.retention_days));
  options.consolidations = [&allocations](const Published& known) { return consolidations(known, allocations); };
  return std::make_unique<Advisor>(fleet, changes, readers, costs, std::move(started), std::move(options));
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
  for (const auto& [model, rate] : settings.cost.default_rates) out.prices[model] = TRY(fleet::parse_decimal(rate));
  return out;
}

/// Null where no nodes are changed: by who does not lead, where no cluster is watched, and where nothing is cut.
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

/// Nodes are those of the cluster that is watched.
Result<ActionOptions> action_options(const Settings& settings, bool leads, bool watches,
                                     std::function<bool()> may_write) {
  ActionOptions out;
  out.leads = leads;
  out.cluster = settings.cluster_name;
  if (leads && watches) out.nodes = TRY(own_cluster(settings));
  out.may_write = std::move(may_write);
  return out;
}

struct Place {
  std::string address;    ///< where to serve, then where it was served
  std::string admission;  ///< likewise, to the cluster; empty: not at all
  bool served = false;
};

/// What the cluster's API server and scheduler have of this server.
struct Admission {
  std::unique_ptr<Door> door;    ///< null where it is off
  std::unique_ptr<Gates> gates;  ///< of who leads
};

Result<Admission> admit_pods(const Settings& settings, Place& place, const Behind& behind,
                             std::function<bool()> may_act) {
  Admission out;
  if (place.admission.empty()) return out;
  DoorOptions options;
  options.address = place.admission;
  options.certificate = settings.admission_certificate;
  options.key = settings.admission_key;
  options.client_ca = settings.admission_client_ca;
  options.cluster = settings.cluster_name;
  options.extender = settings.admission_extender;
  out.door = std::make_unique<Door>(std::move(options), behind, place.admission);
  if (!behind.leadership.leads()) return out;
  GateOptions gates;
  gates.patience = settings.node_rules.plugin_limit + std::chrono::minutes(2);
  auto api = own_cluster(settings);
  if (!api) return fail(api.error().code, "server.admission.address: {}", api.error().what);
  out.gates = std::make_unique<Gates>(*std::move(api), behind.fleet, behind.allocations, std::move(may_act),
                                      behind.counts, gates);
  return out;
}

/// What writes, each with a connection of its own. A leader's fail by its epoch when another one leads.
struct Writing {
  std::unique_ptr<store::Database> keeping;
  std::unique_ptr<store::Database> access;
  std::unique_ptr<store::Database> ledger;  ///< of costs; null for who does not lead, and where none are reckoned
  std::unique_ptr<store::Database> others;  ///< what servers tell each other; null where there are none
};

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

/// For what they are and not because the server was busy: those come again.
std::uint64_t refused_requests(const IntakeStats& stats) {
  return std::accumulate(stats.refused.begin(), stats.refused.end(), std::uint64_t{0}) -
         stats.refused[static_cast<std::size_t>(Refusal::Busy)];
}

/// What was accepted before the start comes into the fleet again; how many records that was.
Result<std::uint64_t> catch_up(Intake& intake, const Latest<Published>& fleet, journal::Sequence position,
                               const std::stop_token& stop) {
  const Intake::Replayed replayed = TRY(intake.replay(position));
  while (!stop.stop_requested() && fleet.get()->applied < replayed.last)
    wait_until(std::chrono::steady_clock::now() + kLook, stop);
  return replayed.records;
}

/// One time of leading, or of following: until the stop, or until it has to be the other.
Result<void> serve(const Settings& settings, const Options& options, journal::Journal& journal, Leadership& leadership,
                   Place& place, const std::stop_token& stop) {
  const std::string url = store::shared_url(database_url(settings, options.data));
  const std::int64_t epoch = leadership.state().epoch;
  const bool leads = !leadership.shared() || epoch > 0;
  // A database that is silent holds nobody for longer than this server is what it is.
  store::Readers readers(url, static_cast<std::size_t>(settings.database_pool_size),
                         {.needed = [&leadership, epoch] { return leadership.state().epoch == epoch; }});
  Writing writing = TRY(open_writing(url, settings, leadership, epoch));
  store::Database& database = *writing.keeping;
  TRY(check_currency(settings, database, leads));
  const auto cache = TRY(shared_cache(settings, url, leadership.shared()));
  Latest<fleet::ClusterView> cluster;
  http::ServerOptions serving_at = server_options(settings, options, {});
  serving_at.address = place.address;
  const auto access = TRY(
      Access::open(std::move(writing.access), TRY(access_settings(settings, options, cluster)), serving_at.address));
  Latest<Published> fleet;
  KeeperOptions keeping = keeper_options(settings, cluster);
  keeping.cluster_nodes = TRY(store::cluster_nodes(database, settings.cluster_name));
  const auto watch = TRY(watch_cluster(settings, cluster, fleet, keeping.cluster_nodes));
  keeping.follows = !leads;
  keeping.epoch = epoch;
  const std::string id = leadership.shared() ? TRY(journal_id(options.data)) : std::string();
  journal.rewind();
  if (leads && !leadership.state().before.empty() && leadership.state().before != id)
    TRY(set_aside(*writing.others, id, epoch, journal, stop));
  if (leads) keeping.resumed = TRY(resume(database, journal, settings));
  const journal::Sequence position = keeping.resumed.progress.recall_from;
  Keeper keeper(keeping, fleet, database, journal);
  IntakeLimits limits;
  limits.past = std::max({keeping.retention.raw, keeping.retention.five_minutes, keeping.retention.hour});
  Intake intake(limits, journal, keeper);
  std::unique_ptr<Follower> follower;
  journal.rewind();
  if (!leads)
    follower = std::make_unique<Follower>(std::move(writing.others), id, journal, fleet, cluster,
                                          [&leadership] { return leadership.state().elsewhere; });
  std::atomic<bool> started = false;                   // what was accepted before is in the fleet again
  std::atomic<const http::Server*> serving = nullptr;  // the routes come before the server that they tell of
  const auto served = [&serving] {
    const http::Server* known = serving;
    return known ? std::optional(known->stats()) : std::nullopt;
  };
  const auto is_started = [&] { return follower ? follower->sees() : started.load(); };
  const auto costs = open_costs(settings, fleet, readers);
  AlertNews alert_news(access->changes(), fleet);
  Events events(fleet, is_started, {}, [&costs, &alert_news, leads] {
    auto out = costs ? costs->changes() : std::vector<fleet::Change>();
    if (!leads) std::ranges::move(alert_news.next(), std::back_inserter(out));
    return out;
  });
  Proxy proxy(proxy_options(settings));
  WantedLayouts layouts(
      epoch, settings.mig_enabled ? TRY(store::wanted_layouts(database)) : std::vector<store::WantedLayout>(),
      TRY(store::last_layout_generation(database)));
  const auto budgets = open_budgets(settings, leads, fleet, access->changes(), readers, is_started);
  const auto forecasts = costs ? std::make_unique<Forecasts>(readers) : nullptr;
  const auto alerts = TRY(Alerts::open(fleet, access->changes(), is_started,
                                       {.leads = leads,
                                        .interval = settings.collection_interval,
                                        .settings = settings.alerts,
                                        .refused_requests = [&intake] { return refused_requests(intake.stats()); },
                                        .budgets = crossings_of(budgets.get()),
                                        .costs = cost_deviations_of(forecasts.get()),
                                        .tell = [&events](const auto& news) { events.publish(news); }}));
  const Notifier notifier(*alerts, access->changes(), [&leadership, leads] { return leads && leadership.may_write(); });
  const auto actions = TRY(AlertActions::open(
      *alerts, access->changes(),
      TRY(action_options(settings, leads, watch != nullptr, [&leadership] { return leadership.may_write(); }))));
  const auto allocations = TRY(Allocations::open(fleet, access->changes(), layouts, events, is_started,
                                                 TRY(allocation_options(settings, leads, *actions, budgets.get()))));
  const auto node_changes =
      TRY(change_nodes(settings, leads, watch != nullptr, fleet, cluster, access->changes(), layouts, events,
                       is_started, [&leadership] { return leadership.may_write(); }));
  const auto advisor =
      open_advisor(settings, leads, fleet, access->changes(), readers, costs.get(), is_started, *allocations);
  Benchmarks benchmarks(fleet, access->changes(), readers, costs.get());
  const auto ledger = close_ledger(settings, std::move(writing.ledger), fleet, is_started);
  const auto queue_log = leads ? std::make_unique<QueueLog>([&of = *allocations] { return of.book(); }, fleet,
                                                            access->changes(), is_started)
                               : nullptr;
  std::function<NodeChangeStats()> node_stats;
  if (node_changes) node_stats = [&node_changes] { return node_changes->stats(); };
  std::function<ClusterWatchStats()> cluster_stats;
  if (watch) cluster_stats = [&watch] { return watch->stats(); };
  const History history{&readers, fleet::span_for(settings.collection_interval), keeping.retention};
  AdmissionCounts admission_counts;
  const Told told{fleet,
                  intake,
                  keeper,
                  journal,
                  served,
                  is_started,
                  settings.supported_models,
                  *access,
                  leadership,
                  history,
                  events,
                  proxy,
                  layouts,
                  *allocations,
                  *alerts,
                  notifier,
                  std::make_shared<Answers>(cache.get()),
                  std::make_shared<RouteCounts>(),
                  cache.get(),
                  cluster_stats,
                  url.substr(0, url.find(':')),
                  settings.profiles,
                  settings.enabled,
                  web_files(),
                  settings.mig_enabled,
                  node_stats,
                  place.admission.empty() ? nullptr : &admission_counts,
                  costs.get(),
                  ledger.get(),
                  forecasts.get(),
                  actions.get(),
                  budgets.get(),
                  advisor.get(),
                  &benchmarks};
  const auto server = TRY(http::Server::listen(serving_at, routes(told, settings.context_path)));
  serving = server.get();
  const std::string address = server->address();
  place.address = address;
  place.served = true;
  leadership.advertise(reachable(address));
  log::info("server listens", {{"address", address}, {"data", options.data}});
  const Admission admission =
      TRY(admit_pods(settings, place, {fleet, *allocations, leadership, admission_counts},
                     [&is_started, &leadership, epoch] { return is_started() && leadership.lasts(epoch); }));
  std::unique_ptr<Teller> teller;
  if (leads) {
    const std::uint64_t replayed = TRY(catch_up(intake, fleet, position, stop));
    started = true;
    log::info("server ready", {{"address", address}, {"replayed", std::to_string(replayed)}});
  } else {
    log::info("server follows", {{"address", address}, {"leader", leadership.state().leader}});
  }
  if (writing.others)
    teller = std::make_unique<Teller>(
        std::move(writing.others), epoch, fleet,
        [&intake, before = leadership.state().before](const store::HandedOver& one, const store::Position& counted) {
          intake.take_over(
              {one.journal, one.sequence, one.counted, counted.counted_at, one.last, one.journal == before}, one.kind,
              one.body, one.arrived);
        },
        std::chrono::steady_clock::now() + settings.collection_interval * 5 / 2);
  leadership.wait_while(epoch, stop);
  return {};
}

}  // namespace

Result<std::string> database_url(const Options& options) {
  return database_url(TRY(load_settings(options.config, environment)), data_of(options));
}

Result<void> run(const Options& given, std::stop_token stop) {
  bound_heap(4, 256U << 10U);  // requests of a few hundred KB wait in a queue, thousands of them at times
  const Settings settings = TRY(load_settings(given.config, environment));
  for (const std::string& warning : settings.warnings) log::warn("settings", {{"what", warning}});
  if (given.check_config) {
    std::printf("%s: fine\n", given.config.c_str());
    return {};
  }
  const std::string kept_in = database_url(settings, data_of(given));
  if (given.command == Command::Backup) return backup(kept_in, given.file);
  if (given.command == Command::Restore) return restore(data_of(given), kept_in, given.file);
  const std::stop_callback watchdog(stop, exit_when_stuck);
  const DataFolder data(settings, given);
  Options options = given;
  options.data = data.path();
  const auto journal = TRY(journal::Journal::open({.dir = options.data + "/intake", .max_bytes = kJournalBytes}));
  const auto leadership = TRY(settle_leadership(database_url(settings, options.data), TRY(journal_id(options.data))));
  Place place{server_options(settings, options, {}).address, settings.admission_address};
  while (!stop.stop_requested()) {
    const auto done = serve(settings, options, *journal, *leadership, place, stop);
    if (done) continue;
    // A database that goes just when this server begins to lead or to follow comes back.
    if (!place.served || !leadership->shared() || done.error().code != Code::Unavailable) return done;
    log::error("this server can neither lead nor follow; it is tried again", {{"why", done.error().what}});
    wait_until(std::chrono::steady_clock::now() + kAgain, stop);
  }
  log::info("server stopping");
  return {};
}

}  // namespace tessera::server
