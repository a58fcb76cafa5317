#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "fleet/cluster/owners.h"
#include "fleet/inventory/pods.h"
#include "server/api.h"
#include "server/api_cluster.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Node;
using fleet::Pod;
using fleet::PodPart;

/// A pod of the fleet, of the cluster's API, or of both.
struct Row {
  Pod pod;
  const fleet::ClusterPod* known = nullptr;  ///< null where the API does not tell of it
  std::string_view cluster;
  std::string_view team;
  std::string_view node() const {
    if (pod.node) return pod.node->name;
    return known ? std::string_view(known->node) : std::string_view{};
  }
};

std::optional<double> utilization(const Pod& pod) {
  const auto mean = pod.utilization.allocated();
  return mean ? std::optional(mean->ratio) : std::nullopt;
}

std::optional<std::uint64_t> memory_used(const Pod& pod) {
  std::optional<std::uint64_t> out;
  for (const PodPart& one : pod.parts)
    if (one.memory_bytes) out = out.value_or(0) + *one.memory_bytes;
  return out;
}

std::optional<double> memory_of(const PodPart& one) {
  if (!one.part.part.gpu_instance) return fleet::memory_total_bytes(*one.device);
  const auto bytes = one.part.instance ? one.part.instance->facts->memory_bytes : std::nullopt;
  return bytes ? std::optional(static_cast<double>(*bytes)) : std::nullopt;
}

std::optional<double> memory_held(const Pod& pod) {
  std::optional<double> out;
  for (const PodPart& one : pod.parts)
    if (const auto bytes = memory_of(one); bytes && one.held) out = out.value_or(0) + *bytes;
  return out;
}

constexpr SortColumn<Row> kSort[] = {
    {"cluster", [](const Row& r) { return SortValue(r.cluster); }},
    {"namespace", [](const Row& r) { return SortValue(r.pod.space); }},
    {"name", [](const Row& r) { return SortValue(r.pod.name); }},
    {"uid", [](const Row& r) { return SortValue(r.pod.uid); }},
    {"node", [](const Row& r) { return SortValue(r.node()); }},
    {"team", [](const Row& r) { return SortValue(r.team); }},
    {"utilization", [](const Row& r) { return SortValue(utilization(r.pod)); }},
    {"memoryUsedBytes", [](const Row& r) { return SortValue(memory_used(r.pod)); }},
    {"sessionCount", [](const Row& r) { return SortValue(r.pod.sessions); }},
    {"idleSince", [](const Row& r) { return SortValue(r.pod.use.idle_since); }},
};

constexpr std::string_view kColumns[] = {"cluster",
                                         "namespace",
                                         "name",
                                         "uid",
                                         "node",
                                         "parts",
                                         "utilization.allocated",
                                         "utilization.device",
                                         "memoryUsedBytes",
                                         "memoryHeldBytes",
                                         "sessionCount",
                                         "use",
                                         "idleSince",
                                         "firstSeen",
                                         "lastSeen",
                                         "team",
                                         "kubernetes.phase",
                                         "kubernetes.owner.kind",
                                         "kubernetes.owner.name",
                                         "kubernetes.requests",
                                         "kubernetes.waiting.message"};

Json row_json(const Row& row, const fleet::ClusterView& cluster) {
  const Pod& pod = row.pod;
  Json out{{"cluster", row.cluster},
           {"namespace", text_or_null(pod.space)},
           {"name", text_or_null(pod.name)},
           {"uid", text_or_null(pod.uid)},
           {"node", text_or_null(row.node())},
           {"team", text_or_null(row.team)},
           {"parts", Json::array()},
           {"utilization", utilization_json(pod.utilization)},
           {"memoryUsedBytes", or_null(memory_used(pod))},
           {"memoryHeldBytes", bytes_or_null(memory_held(pod))},
           {"sessionCount", or_null(pod.sessions)},
           {"use", fleet::use_name(pod.use.use)},
           {"idleSince", time_or_null(pod.use.idle_since)},
           {"firstSeen", pod.node ? time_json(pod.first_seen) : Json(nullptr)},
           {"lastSeen", pod.node ? time_json(pod.last_seen) : Json(nullptr)},
           {"kubernetes", row.known ? kubernetes_json(cluster, *row.known) : Json(nullptr)}};
  for (const PodPart& one : pod.parts) out["parts"].push_back(pod_part_json(*pod.node, one));
  return out;
}

/// Those of the fleet, then those that ask for GPUs and of which the fleet has heard nothing: they wait for a node, or
/// run where no exporter tells.
std::vector<Row> all_pods(const Known& known, const DeviceFilter& filter) {
  std::vector<Row> out;
  std::set<std::string> seen;
  for (const auto& node : known.view.nodes) {
    const bool wanted = filter.wants(*node);
    if (!wanted && node->cluster != known.cluster.cluster) continue;
    for (Pod& pod : fleet::pods_of(*node)) {
      if (node->cluster == known.cluster.cluster) seen.insert(fleet::pod_key(pod.space, pod.name));
      if (!wanted) continue;
      const auto* of = known.cluster.pod(node->cluster, pod.space, pod.name);
      const auto team = fleet::team_of(known.cluster, node->cluster, pod.space, pod.name);
      out.push_back({std::move(pod), of, node->cluster, team});
    }
  }
  if (filter.cluster && *filter.cluster != known.cluster.cluster) return out;
  for (const auto& [key, of] : known.cluster.pods) {
    if (!of->asks_for_gpus() || seen.contains(key) || !is_any(filter.nodes, of->node)) continue;
    Row row{
        {}, of.get(), known.cluster.cluster, fleet::team_of(known.cluster, known.cluster.cluster, of->space, of->name)};
    row.pod.space = of->space;
    row.pod.name = of->name;
    row.pod.uid = of->uid;
    row.pod.use.use = fleet::Use::Unknown;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

const Columns kPodColumns = kColumns;

Json pod_part_json(const Node& node, const PodPart& one) {
  const auto slices = fleet::part_weight(*one.device, one.part, gpu::Weight::ComputeSlices);
  const bool described = !one.part.part.gpu_instance || one.part.instance;
  return {{"deviceId", fleet::device_id(node.name, one.device->facts->index)},
          {"instance", instance_ref(*one.device, one.part.part)},
          {"containers", one.containers},
          {"resource", text_or_null(one.resource)},
          {"held", one.held},
          {"shared", one.shared},
          {"used", or_null(one.used)},
          {"utilizationPercent", percent_of(fleet::activity(*one.part.readings))},
          {"memoryUsedBytes", or_null(one.memory_bytes)},
          {"memoryTotalBytes", bytes_or_null(memory_of(one))},
          {"computeSlices", described && slices ? Json(static_cast<unsigned>(*slices)) : Json(nullptr)}};
}

Page list_pods(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .nodes = query.texts("nodeName"),
                            .devices = query.texts("deviceId"),
                            .spaces = query.texts("namespace")};
  const auto name = query.text("pod");
  const auto teams = query.texts("team");
  const auto phases = query.texts("phase");
  const auto use = query.words("use", use_names());
  const std::string search = lower(query.text("search").value_or(""));
  const Pager<Row> pager(query, kSort, "cluster,namespace,name", "cluster,namespace,name,uid,node");
  if (!query.finish()) return {};
  const auto wants = [&](const Row& row) {
    const Pod& pod = row.pod;
    const auto on_device = [&](const PodPart& one) {
      return is_any(filter.devices, one.device->facts->uuid) ||
             is_any(filter.devices, fleet::device_id(pod.node->name, one.device->facts->index));
    };
    return is_any(filter.spaces, pod.space) && (!name || pod.name == *name || pod.uid == *name) &&
           is_any(teams, row.team) && (phases.empty() || (row.known && is_any(phases, row.known->phase))) &&
           is_one(use, pod.use.use) && (filter.devices.empty() || std::ranges::any_of(pod.parts, on_device)) &&
           (has_text(pod.space, search) || has_text(pod.name, search) || has_text(pod.uid, search));
  };
  std::vector<Row> rows = all_pods(known, filter);
  std::erase_if(rows, [&](const Row& row) { return !wants(row); });
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows), cluster = &known.cluster](std::size_t at, Json& into) {
    into = row_json(rows[at], *cluster);
  };
  return page;
}

}  // namespace tessera::server
