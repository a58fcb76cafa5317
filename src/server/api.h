#pragma once
// The resources of the API: each is a pure function of what is known now and a query. One file each: api_NAME.cc.
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fleet/allocation/book.h"
#include "server/access/viewer.h"
#include "server/history.h"
#include "server/keeper.h"
#include "server/list_heads.h"
#include "server/node_texts.h"
#include "server/query.h"

namespace tessera::server {

using Json = nlohmann::ordered_json;

/// What resources tell of.
struct Known {
  const fleet::View& view;
  const fleet::Overviews& overviews;
  const fleet::ClusterView& cluster;
  const fleet::ServingView& serving;
  const std::vector<std::string>& supported_models;  ///< empty: all
  /// Who asks. All of the above has only what he may see; whoever reads elsewhere asks Viewer::visible().
  const Viewer& viewer;
  const History& history;
  NodeTexts& texts;
  ListHeads& heads;                          ///< of this view, as this viewer sees it
  const fleet::AllocationBook& allocations;  ///< of all: whoever reads it asks Viewer::sees()
};

/// A page of a list. A row is made when it is written, so that a long table is never in memory as JSON.
struct Page {
  std::size_t total = 0;  ///< rows of all pages
  std::string next_cursor;
  std::size_t rows = 0;
  std::function<void(std::size_t, Json&)> row;
  std::function<std::shared_ptr<const std::string>(std::size_t)>
      text{};                                                     ///< the row in JSON, where it is known already
  std::vector<std::pair<std::string_view, std::string>> about{};  ///< members beside the rows
};

// Where the query is wrong they return nothing of use, and it holds the problem.
Json show_overview(const Known& known, Query& query);
Json show_node(const Known& known, Query& query);
Json show_device(const Known& known, Query& query);
std::string tell_heatmap(const Known& known, Query& query);  ///< JSON

Page list_nodes(const Known& known, Query& query);
Page list_devices(const Known& known, Query& query);
Page list_instances(const Known& known, Query& query);
Page list_sessions(const Known& known, Query& query);
Page list_pods(const Known& known, Query& query);
Page list_utilization(const Known& known, Query& query);
Page list_serving(const Known& known, Query& query);
Page list_models(const Known& known, Query& query);
Page list_mig_profiles(const Known& known, Query& query);
Page list_health(const Known& known, Query& query);
Page list_metrics(const Known& known, Query& query);
Page list_layouts(const Known& known, Query& query);
Page list_xids(const Known& known, Query& query);

// What the tables of the lists have.
using Columns = std::span<const std::string_view>;
extern const Columns kNodeColumns, kDeviceColumns, kInstanceColumns, kSessionColumns, kPodColumns, kUtilizationColumns,
    kServingColumns, kModelColumns, kMigProfileColumns, kHealthColumns, kMetricColumns, kLayoutColumns, kXidColumns;

}  // namespace tessera::server
