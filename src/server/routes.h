#pragma once
// The API's table of contents.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/latest.h"
#include "http/server.h"
#include "server/access/access.h"
#include "server/admission/counts.h"
#include "server/answers.h"
#include "server/cluster_watch.h"
#include "server/events.h"
#include "server/history.h"
#include "server/intake.h"
#include "server/keeper.h"
#include "server/leadership.h"
#include "server/node_changes/node_changes.h"
#include "server/proxy.h"
#include "server/route_counts.h"
#include "server/wanted_layouts.h"
#include "server/web.h"

namespace tessera::server {

class Advisor;
class Alerts;
class Allocations;
class Benchmarks;
class Budgets;
class Costs;
class AlertActions;
class Forecasts;
class LedgerCloser;
class Notifier;

/// What the routes tell of. All of it outlives the server.
struct Told {
  const Latest<Published>& fleet;
  Intake& intake;
  const Keeper& keeper;
  const journal::Journal& journal;
  std::function<std::optional<http::ServerStats>()> served;
  std::function<bool()> started;  ///< false while the journal is replayed
  std::vector<std::string> supported_models;
  Access& access;
  const Leadership& leadership;
  History history;
  Events& events;
  Proxy& proxy;
  WantedLayouts& layouts;
  Allocations& allocations;
  Alerts& alerts;
  const Notifier& notifier;
  std::shared_ptr<Answers> answers = std::make_shared<Answers>();
  std::shared_ptr<RouteCounts> counts = std::make_shared<RouteCounts>();
  const SharedCache* cache = nullptr;               ///< null: servers share none
  std::function<ClusterWatchStats()> cluster{};     ///< empty: none is watched
  std::string database{};                           ///< "sqlite"
  std::vector<std::string> profiles{};              ///< that are active
  bool enabled = true;                              ///< gpu.management.enabled: whether samples are taken
  std::span<const WebFile> web{};                   ///< the dashboard
  bool mig_enabled = true;                          ///< gpu.management.mig.enabled: whether layouts may be wanted
  std::function<NodeChangeStats()> node_changes{};  ///< empty: no nodes are changed
  const AdmissionCounts* admission = nullptr;       ///< null where it is off
  Costs* costs = nullptr;                           ///< null: gpu.management.cost.enabled is false
  const LedgerCloser* ledger = nullptr;             ///< of who leads
  Forecasts* forecasts = nullptr;                   ///< null likewise, as there is no ledger
  const AlertActions* actions = nullptr;            ///< null: nothing is done about alerts
  Budgets* budgets = nullptr;                       ///< null likewise
  Advisor* advisor = nullptr;                       ///< null in tests alone
  Benchmarks* benchmarks = nullptr;                 ///< likewise
};

std::vector<http::Route> routes(const Told& told, const std::string& context_path);

}  // namespace tessera::server
