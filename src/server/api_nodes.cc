#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "server/api.h"
#include "server/api_cluster.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Node;
using fleet::Overview;

struct Row {
  const Node* node;
  const Overview* of;
};

std::optional<double> utilization(const Row& row) {
  const auto mean = row.of->utilization.device();
  return mean ? std::optional(mean->ratio) : std::nullopt;
}

constexpr SortColumn<Row> kSort[] = {
    {"cluster", [](const Row& r) { return SortValue(r.node->cluster); }},
    {"name", [](const Row& r) { return SortValue(r.node->name); }},
    {"deviceCount", [](const Row& r) { return SortValue(static_cast<double>(r.of->devices)); }},
    {"instanceCount", [](const Row& r) { return SortValue(static_cast<double>(r.of->mig_instances)); }},
    {"sessionCount", [](const Row& r) { return SortValue(static_cast<double>(r.of->sessions)); }},
    {"utilization", [](const Row& r) { return SortValue(utilization(r)); }},
    {"powerWatts", [](const Row& r) { return SortValue(r.of->power_watts.known()); }},
    {"lastSeen", [](const Row& r) { return SortValue(static_cast<double>(r.node->last_seen)); }},
};

constexpr std::string_view kColumns[] = {"name",
                                         "cluster",
                                         "presence",
                                         "driverVersion",
                                         "deviceCount",
                                         "instanceCount",
                                         "sessionCount",
                                         "devicesByModel",
                                         "devicesByHealth",
                                         "devicesByUse",
                                         "utilization.device",
                                         "utilization.allocated",
                                         "memoryUsedBytes",
                                         "memoryTotalBytes",
                                         "powerWatts",
                                         "lastSeen",
                                         "kubernetes.ready",
                                         "kubernetes.cordoned",
                                         "kubernetes.labels",
                                         "kubernetes.taints",
                                         "kubernetes.allocatable"};

/// The best of its devices'.
fleet::Presence presence_of(const Node& node) {
  fleet::Presence out = fleet::Presence::Retired;
  for (const fleet::Device& device : node.devices) out = std::min(out, device.presence);
  return out;
}

Json row_json(const Node& node, const Overview& of, const fleet::ClusterView& cluster) {
  std::string driver;
  bool agent = false;
  for (const fleet::Device& device : node.devices) {
    if (!device.facts->driver_version.empty()) driver = device.facts->driver_version;
    agent |= fleet::tells_sessions(device);
  }
  return {{"name", node.name},
          {"cluster", node.cluster},
          {"presence", fleet::presence_name(presence_of(node))},
          {"driverVersion", text_or_null(driver)},
          {"deviceCount", of.devices},
          {"instanceCount", of.mig_instances},
          {"sessionCount", agent ? Json(of.sessions) : Json(nullptr)},
          {"devicesByModel", of.devices_by_model},
          {"devicesByHealth", counts_json(of.by_health, health_names())},
          {"devicesByUse", counts_json(of.by_use, use_names())},
          {"utilization", utilization_json(of.utilization)},
          {"memoryUsedBytes", bytes_or_null(of.memory_used_bytes.known())},
          {"memoryTotalBytes", bytes_or_null(of.memory_total_bytes.known())},
          {"powerWatts", or_null(of.power_watts.known())},
          {"lastSeen", time_json(node.last_seen)},
          {"kubernetes", kubernetes_json(cluster, node)}};
}

}  // namespace

const Columns kNodeColumns = kColumns;

Page list_nodes(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .models = query.texts("model"),
                            .labels = read_node_labels(query, known.cluster)};
  const auto presence = read_presences(query);
  const std::string search = lower(query.text("search").value_or(""));
  const Pager<Row> pager(query, kSort, "cluster,name", "cluster,name");
  if (!query.finish()) return {};
  std::vector<Row> rows;
  for (std::size_t i = 0; i < known.view.nodes.size(); ++i) {
    const auto& node = known.view.nodes[i];
    const auto has_model = [&](const fleet::Device& device) { return filter.wants(*node, device); };
    if (!filter.wants(*node) || !has_text(node->name, search) || !is_one(presence, presence_of(*node))) continue;
    if (!filter.models.empty() && !std::ranges::any_of(node->devices, has_model)) continue;
    rows.push_back({node.get(), &known.overviews.nodes[i]->sum});
  }
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows), cluster = &known.cluster](std::size_t at, Json& into) {
    into = row_json(*rows[at].node, *rows[at].of, *cluster);
  };
  return page;
}

Json show_node(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  if (!query.finish()) return {};
  const std::string_view name = query.path("node");
  const Node* found = nullptr;
  std::vector<std::string_view> clusters;
  for (const auto& node : known.view.nodes) {
    if (node->name != name || (cluster && node->cluster != *cluster)) continue;
    found = node.get();
    clusters.push_back(node->cluster);
  }
  if (clusters.empty()) {
    query.refuse({404, "not-found",
                  fmt::format("no node '{}' is known{}; /gpu/nodes lists them", name,
                              cluster ? fmt::format(" in cluster '{}'", *cluster) : "")});
    return {};
  }
  if (clusters.size() > 1) {
    query.refuse(
        {409, "ambiguous-id",
         fmt::format("node '{}' is in the clusters {}: say which with cluster=", name, fmt::join(clusters, ", "))});
    return {};
  }
  Json out = row_json(*found, overview_of(*found).sum, known.cluster);
  out["devices"] = Json::array();
  for (const bool retired : {false, true})
    for (const fleet::Device& device : found->devices)
      if ((device.presence == fleet::Presence::Retired) == retired)
        out["devices"].push_back(device_json(*found, device));
  return out;
}

}  // namespace tessera::server
