#pragma once
// The parts of a server, and their options, as the settings say. Those with a room of their own that says it are opened
// there: cost/start.h, budgets/start.h.
#include <functional>
#include <memory>
#include <string>

#include "base/latest.h"
#include "base/result.h"
#include "http/server.h"
#include "server/access/access.h"
#include "server/admission/door.h"
#include "server/admission/gates.h"
#include "server/advice/advisor.h"
#include "server/alerts/actions.h"
#include "server/allocations.h"
#include "server/budgets/budgets.h"
#include "server/cluster_watch.h"
#include "server/intake.h"
#include "server/keeper.h"
#include "server/leadership.h"
#include "server/node_changes/node_changes.h"
#include "server/options.h"
#include "server/proxy.h"
#include "server/settings.h"
#include "server/shared_cache.h"
#include "store/database.h"

namespace tessera::server {

/// `cluster` says which teams namespaces belong to, and outlives what comes of this.
Result<AccessSettings> access_settings(const Settings& settings, const Options& options,
                                       const Latest<fleet::ClusterView>& cluster);
http::ServerOptions server_options(const Settings& settings, const Options& options, const IntakeLimits& limits);
ProxyOptions proxy_options(const Settings& settings);
KeeperOptions keeper_options(const Settings& settings, const Latest<fleet::ClusterView>& cluster);
/// Nodes are those of the cluster that is watched.
Result<ActionOptions> action_options(const Settings& settings, bool leads, bool watches,
                                     std::function<bool()> may_write);
/// `actions` and `budgets` outlive what comes of this; `budgets` may be null.
Result<AllocationOptions> allocation_options(const Settings& settings, bool leads, const AlertActions& actions,
                                             const Budgets* budgets);

/// Null where the server is to watch none: outside of a cluster, unless the settings insist on one.
Result<std::unique_ptr<ClusterWatch>> watch_cluster(const Settings& settings, Latest<fleet::ClusterView>& view,
                                                    const Latest<Published>& fleet,
                                                    const store::ClusterNodes& known_nodes);

/// Null where none is to be used: one server alone has nobody to share with.
Result<std::unique_ptr<SharedCache>> shared_cache(const Settings& settings, const std::string& url, bool shared);

/// Null where no advice is asked for.
std::unique_ptr<Advisor> open_advisor(const Settings& settings, bool leads, const Latest<Published>& fleet,
                                      Changes& changes, store::Readers& readers, Costs* costs,
                                      std::function<bool()> started, const Allocations& allocations);

/// Null where no nodes are changed: by who does not lead, where no cluster is watched, and where nothing is cut.
Result<std::unique_ptr<NodeChanges>> change_nodes(const Settings& settings, bool leads, bool watches,
                                                  const Latest<Published>& fleet,
                                                  const Latest<fleet::ClusterView>& cluster, Changes& changes,
                                                  WantedLayouts& layouts, Events& events, std::function<bool()> started,
                                                  std::function<bool()> may_write);

/// What the cluster's API server and scheduler have of this server.
struct Admission {
  std::unique_ptr<Door> door;    ///< null where it is off
  std::unique_ptr<Gates> gates;  ///< of who leads
};
/// `address`: where to listen, then where it listens; empty: not at all.
Result<Admission> admit_pods(const Settings& settings, std::string& address, const Behind& behind,
                             std::function<bool()> may_act);

/// What writes, each with a connection of its own. A leader's fail by its epoch when another one leads.
struct Writing {
  std::unique_ptr<store::Database> keeping;
  std::unique_ptr<store::Database> access;
  std::unique_ptr<store::Database> ledger;  ///< of costs; null for who does not lead, and where none are reckoned
  std::unique_ptr<store::Database> others;  ///< what servers tell each other; null where there are none
};
Result<Writing> open_writing(const std::string& url, const Settings& settings, const Leadership& leadership,
                             std::int64_t epoch);

}  // namespace tessera::server
