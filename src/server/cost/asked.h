#pragma once
// What a request asks of costs: the window, its pieces, the groups; and the rows that the caller may see.
#include <string_view>
#include <vector>

#include "fleet/cost/report.h"
#include "fleet/cost/window.h"
#include "fleet/cost/zone.h"
#include "server/access/viewer.h"
#include "server/cost/costs.h"
#include "server/query.h"

namespace tessera::server {

struct CostAsked {
  fleet::CostWindow window;
  std::vector<fleet::CostWindow> pieces;
  fleet::Zone zone = fleet::Zone::utc();
  fleet::CostReportOptions options;
};

/// `window` and `timezone` alone.
CostAsked read_cost_window(Query& query, const CostSettings& settings, std::string_view fallback, EpochMs now);
/// `window`, `timezone` and `filter`; without a window that of `fallback`. All of it is one piece. Where something is
/// wrong the query has the fault.
CostAsked read_cost_query(Query& query, const Costs& costs, std::string_view fallback, EpochMs now);
/// `shareIdle`, without which it is as the settings say, and `idleByNode`.
void read_sharing(Query& query, const CostSettings& settings, CostAsked& into);
/// `aggregate`: dimensions and `label:NAME` with commas between them, or `all`: no groups; those of `fallback` where it
/// is not asked for.
void read_aggregate(Query& query, const Costs& costs, CostAsked& into,
                    const std::vector<fleet::CostKey>& fallback = {});
/// `step`, and `accumulate`, which goes before it; without both the pieces are of `fallback`.
void read_pieces(Query& query, CostAsked& into, fleet::Accumulate fallback);

/// Of a caller who is restricted, what is of his namespaces alone: rows of others, and of nobody, are dropped.
void keep_visible(std::vector<fleet::CostRow>& rows, const Viewer& viewer);

}  // namespace tessera::server
