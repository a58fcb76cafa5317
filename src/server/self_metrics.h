#pragma once
// The server's page of metrics: the fleet in a few families, and the server itself. catalog.h has every family.
#include <optional>

#include "base/footprint.h"
#include "fleet/allocation/book.h"
#include "http/server.h"
#include "journal/journal.h"
#include "metrics/page.h"
#include "server/access/access.h"
#include "server/admission/counts.h"
#include "server/answers.h"
#include "server/cluster_watch.h"
#include "server/cost/costs.h"
#include "server/cost/ledger_closer.h"
#include "server/events.h"
#include "server/intake.h"
#include "server/keeper.h"
#include "server/node_changes/node_changes.h"
#include "server/proxy.h"
#include "store/readers.h"

namespace tessera::server {

struct SelfSeen {
  bool ready = false;
  IntakeStats intake;
  KeeperStats keeper;
  journal::Stats journal;
  std::optional<http::ServerStats> http;
  AccessStats access;
  Footprint process;
  bool leads = true;
  EventStats events;
  ProxyStats proxy;
  AnswersStats answers;
  std::optional<store::ReadersStats> reads;  ///< absent: there are no readers
  std::optional<SharedCacheStats> cache;     ///< absent: none is used
};

void add_fleet_metrics(metrics::Page& page, const fleet::View& view, const fleet::AllocationBook& allocations);
void add_cost_metrics(metrics::Page& page, const HourlyCosts& costs);
void add_ledger_metrics(metrics::Page& page, const LedgerStats& ledger);
void add_cluster_metrics(metrics::Page& page, const std::vector<ClusterListStats>& lists);
void add_node_metrics(metrics::Page& page, const NodeChangeStats& stats);
/// `leads`: whether pods at the gate are looked after here.
void add_admission_metrics(metrics::Page& page, const AdmissionCounts& counts, bool leads);
void add_self_metrics(metrics::Page& page, const Published& published, const SelfSeen& seen);

}  // namespace tessera::server
