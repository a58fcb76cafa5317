#include "server/term.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <numeric>
#include <optional>

#include "base/every.h"
#include "base/log.h"
#include "server/alerts/alerts.h"
#include "server/alerts/cost_past.h"
#include "server/alerts/news.h"
#include "server/alerts/notifier.h"
#include "server/benchmarks/benchmarks.h"
#include "server/budgets/start.h"
#include "server/cost/start.h"
#include "server/events.h"
#include "server/forecast/forecasts.h"
#include "server/forecast/queue_log.h"
#include "server/parts.h"
#include "server/replica.h"
#include "server/routes.h"

namespace tessera::server {
namespace {
using namespace std::chrono_literals;

constexpr Milliseconds kLook = 50ms;

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
      const char* pod = std::getenv("POD_IP");
      const std::string host = pod ? pod : name;
      return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + address.substr(all.size());
    }
  return address;
}

/// For what they are and not because the server was busy: those come again.
std::uint64_t refused_requests(const IntakeStats& stats) {
  return std::accumulate(stats.refused.begin(), stats.refused.end(), std::uint64_t{0}) -
         stats.refused[static_cast<std::size_t>(Refusal::Busy)];
}

/// All that a server is made of. Each part stands on those before it, and goes before they do.
class Term {
 public:
  explicit Term(Lasting& lasting)
      : lasting_(lasting),
        settings_(lasting.settings),
        leadership_(lasting.leadership),
        epoch_(leadership_.state().epoch),
        leads_(!leadership_.shared() || epoch_ > 0),
        url_(store::shared_url(lasting.database)) {}

  Result<void> serve(const std::stop_token& stop);

 private:
  Result<void> open_store();
  Result<void> open_access();
  Result<void> keep_fleet(const std::stop_token& stop);
  Result<void> reckon();
  Result<void> watch_rules();
  Result<void> place_workloads();
  void advise();
  Told told();
  Result<void> listen();
  Result<void> catch_up(const std::stop_token& stop);
  void tell_others();

  bool is_started() const { return follower_ ? follower_->sees() : started_.load(); }
  std::function<bool()> starting() {
    return [this] { return is_started(); };
  }
  std::function<bool()> may_write() const {
    return [this] { return leadership_.may_write(); };
  }

  Lasting& lasting_;
  const Settings& settings_;
  Leadership& leadership_;
  const std::int64_t epoch_;
  const bool leads_;
  const std::string url_;

  std::optional<store::Readers> readers_;
  Writing writing_;
  std::unique_ptr<SharedCache> cache_;

  Latest<fleet::ClusterView> cluster_;
  http::ServerOptions serving_at_;
  std::unique_ptr<Access> access_;

  Latest<Published> fleet_;
  KeeperOptions keeping_;
  std::unique_ptr<ClusterWatch> watch_;
  std::optional<Keeper> keeper_;
  std::optional<Intake> intake_;
  std::unique_ptr<Follower> follower_;
  std::atomic<bool> started_ = false;                   ///< what was accepted before is in the fleet again
  std::atomic<const http::Server*> serving_ = nullptr;  ///< the routes come before the server that they tell of

  std::unique_ptr<Costs> costs_;
  std::optional<AlertNews> alert_news_;
  std::optional<Events> events_;
  std::optional<WantedLayouts> layouts_;
  std::unique_ptr<Budgets> budgets_;
  std::unique_ptr<Forecasts> forecasts_;

  std::unique_ptr<Alerts> alerts_;
  std::optional<Notifier> notifier_;
  std::unique_ptr<AlertActions> actions_;

  std::unique_ptr<Allocations> allocations_;
  std::unique_ptr<NodeChanges> node_changes_;

  std::unique_ptr<Advisor> advisor_;
  std::optional<Benchmarks> benchmarks_;
  std::unique_ptr<LedgerCloser> ledger_;
  std::unique_ptr<QueueLog> queue_log_;

  std::optional<Proxy> proxy_;
  AdmissionCounts admission_counts_;
  std::unique_ptr<http::Server> server_;
  Admission admission_;
  std::unique_ptr<Teller> teller_;
};

Result<void> Term::serve(const std::stop_token& stop) {
  TRY(open_store());
  TRY(open_access());
  TRY(keep_fleet(stop));
  TRY(reckon());
  TRY(watch_rules());
  TRY(place_workloads());
  advise();
  TRY(listen());
  TRY(catch_up(stop));
  tell_others();
  leadership_.wait_while(epoch_, stop);
  return {};
}

Result<void> Term::open_store() {
  // A database that is silent holds nobody for longer than this server is what it is.
  readers_.emplace(url_, static_cast<std::size_t>(settings_.database_pool_size),
                   store::DatabaseOptions{.needed = [this] { return leadership_.state().epoch == epoch_; }});
  writing_ = TRY(open_writing(url_, settings_, leadership_, epoch_));
  TRY(check_currency(settings_, *writing_.keeping, leads_));
  cache_ = TRY(shared_cache(settings_, url_, leadership_.shared()));
  return {};
}

Result<void> Term::open_access() {
  serving_at_ = server_options(settings_, lasting_.options, {});
  serving_at_.address = lasting_.address;
  access_ = TRY(Access::open(std::move(writing_.access), TRY(access_settings(settings_, lasting_.options, cluster_)),
                             serving_at_.address));
  return {};
}

Result<void> Term::keep_fleet(const std::stop_token& stop) {
  store::Database& database = *writing_.keeping;
  journal::Journal& journal = lasting_.journal;
  keeping_ = keeper_options(settings_, cluster_);
  keeping_.cluster_nodes = TRY(store::cluster_nodes(database, settings_.cluster_name));
  watch_ = TRY(watch_cluster(settings_, cluster_, fleet_, keeping_.cluster_nodes));
  keeping_.follows = !leads_;
  keeping_.epoch = epoch_;
  const std::string id = leadership_.shared() ? TRY(journal_id(lasting_.options.data)) : std::string();
  const std::string before = leadership_.state().before;
  journal.rewind();
  if (leads_ && !before.empty() && before != id) TRY(set_aside(*writing_.others, id, epoch_, journal, stop));
  if (leads_) keeping_.resumed = TRY(resume(database, journal, settings_));
  keeper_.emplace(keeping_, fleet_, database, journal);
  IntakeLimits limits;
  limits.past = std::max({keeping_.retention.raw, keeping_.retention.five_minutes, keeping_.retention.hour});
  intake_.emplace(limits, journal, *keeper_);
  journal.rewind();
  if (!leads_)
    follower_ = std::make_unique<Follower>(std::move(writing_.others), id, journal, fleet_, cluster_,
                                           [this] { return leadership_.state().elsewhere; });
  return {};
}

Result<void> Term::reckon() {
  store::Database& database = *writing_.keeping;
  costs_ = open_costs(settings_, fleet_, *readers_);
  alert_news_.emplace(access_->changes(), fleet_);
  events_.emplace(fleet_, starting(), EventLimits{}, [this] {
    auto out = costs_ ? costs_->changes() : std::vector<fleet::Change>();
    if (!leads_) std::ranges::move(alert_news_->next(), std::back_inserter(out));
    return out;
  });
  layouts_.emplace(std::max<std::int64_t>(epoch_, 1) + TRY(store::layout_epochs_ahead(database)),
                   settings_.mig_enabled ? TRY(store::wanted_layouts(database)) : std::vector<store::WantedLayout>(),
                   TRY(store::last_layout_generation(database)));
  budgets_ = open_budgets(settings_, leads_, fleet_, access_->changes(), *readers_, starting());
  forecasts_ = costs_ ? std::make_unique<Forecasts>(*readers_) : nullptr;
  return {};
}

Result<void> Term::watch_rules() {
  alerts_ = TRY(Alerts::open(fleet_, access_->changes(), starting(),
                             {.leads = leads_,
                              .interval = settings_.collection_interval,
                              .settings = settings_.alerts,
                              .platform_namespaces = settings_.cost.platform_namespaces,
                              .refused_requests = [this] { return refused_requests(intake_->stats()); },
                              .budgets = crossings_of(budgets_.get()),
                              .costs = cost_deviations_of(forecasts_.get()),
                              .tell = [this](const auto& news) { events_->publish(news); }}));
  notifier_.emplace(*alerts_, access_->changes(), [this] { return leads_ && leadership_.may_write(); });
  actions_ = TRY(AlertActions::open(*alerts_, access_->changes(),
                                    TRY(action_options(settings_, leads_, watch_ != nullptr, may_write()))));
  return {};
}

Result<void> Term::place_workloads() {
  allocations_ = TRY(Allocations::open(fleet_, access_->changes(), *layouts_, *events_, starting(),
                                       TRY(allocation_options(settings_, leads_, *actions_, budgets_.get()))));
  node_changes_ = TRY(change_nodes(settings_, leads_, watch_ != nullptr, fleet_, cluster_, access_->changes(),
                                   *layouts_, *events_, starting(), may_write()));
  return {};
}

void Term::advise() {
  advisor_ =
      open_advisor(settings_, leads_, fleet_, access_->changes(), *readers_, costs_.get(), starting(), *allocations_);
  benchmarks_.emplace(fleet_, access_->changes(), *readers_, costs_.get());
  ledger_ = close_ledger(settings_, std::move(writing_.ledger), fleet_, starting());
  if (leads_)
    queue_log_ =
        std::make_unique<QueueLog>([this] { return allocations_->book(); }, fleet_, access_->changes(), starting());
}

Told Term::told() {
  Told out{.fleet = fleet_,
           .intake = *intake_,
           .keeper = *keeper_,
           .journal = lasting_.journal,
           .served =
               [this] {
                 const http::Server* known = serving_;
                 return known ? std::optional(known->stats()) : std::nullopt;
               },
           .started = starting(),
           .supported_models = settings_.supported_models,
           .access = *access_,
           .leadership = leadership_,
           .history = {&*readers_, fleet::span_for(settings_.collection_interval), keeping_.retention},
           .events = *events_,
           .proxy = *proxy_,
           .layouts = *layouts_,
           .allocations = *allocations_,
           .alerts = *alerts_,
           .notifier = *notifier_};
  out.answers = std::make_shared<Answers>(cache_.get());
  out.cache = cache_.get();
  if (watch_) out.cluster = [this] { return watch_->stats(); };
  out.database = url_.substr(0, url_.find(':'));
  out.profiles = settings_.profiles;
  out.enabled = settings_.enabled;
  out.web = web_files();
  out.mig_enabled = settings_.mig_enabled;
  if (node_changes_) out.node_changes = [this] { return node_changes_->stats(); };
  out.admission = lasting_.admission.empty() ? nullptr : &admission_counts_;
  out.costs = costs_.get();
  out.ledger = ledger_.get();
  out.forecasts = forecasts_.get();
  out.actions = actions_.get();
  out.budgets = budgets_.get();
  out.advisor = advisor_.get();
  out.benchmarks = &*benchmarks_;
  return out;
}

Result<void> Term::listen() {
  proxy_.emplace(proxy_options(settings_));
  server_ = TRY(http::Server::listen(serving_at_, routes(told(), settings_.context_path)));
  serving_ = server_.get();
  lasting_.address = server_->address();
  lasting_.served = true;
  leadership_.advertise(reachable(lasting_.address));
  log::info("server listens", {{"address", lasting_.address}, {"data", lasting_.options.data}});
  admission_ = TRY(admit_pods(settings_, lasting_.admission, {fleet_, *allocations_, leadership_, admission_counts_},
                              [this] { return is_started() && leadership_.lasts(epoch_); }));
  return {};
}

/// What a leader accepted before the start comes into the fleet again.
Result<void> Term::catch_up(const std::stop_token& stop) {
  if (!leads_) {
    log::info("server follows", {{"address", lasting_.address}, {"leader", leadership_.state().leader}});
    return {};
  }
  const Intake::Replayed replayed = TRY(intake_->replay(keeping_.resumed.progress.recall_from));
  while (!stop.stop_requested() && fleet_.get()->applied < replayed.last)
    wait_until(std::chrono::steady_clock::now() + kLook, stop);
  started_ = true;
  log::info("server ready", {{"address", lasting_.address}, {"replayed", std::to_string(replayed.records)}});
  return {};
}

void Term::tell_others() {
  if (!writing_.others) return;
  teller_ = std::make_unique<Teller>(
      std::move(writing_.others), epoch_, fleet_,
      [this, before = leadership_.state().before](const store::HandedOver& one, const store::Position& counted) {
        intake_->take_over(
            {one.journal, one.sequence, one.counted, counted.counted_at, one.last, one.journal == before}, one.kind,
            one.body, one.arrived);
      },
      std::chrono::steady_clock::now() + settings_.collection_interval * 5 / 2);
}

}  // namespace

Result<void> serve_term(Lasting& lasting, const std::stop_token& stop) { return Term(lasting).serve(stop); }

}  // namespace tessera::server
