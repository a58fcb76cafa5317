#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/cluster/owners.h"
#include "fleet/inventory/pods.h"
#include "fleet/serving/serving_pods.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Served;

struct Row {
  const Served* of;
  const fleet::ClusterPod* known;  ///< null where the cluster's API does not tell of its pod
  std::string_view team;
};

constexpr SortColumn<Row> kSort[] = {
    {"cluster", [](const Row& r) { return SortValue(r.of->cluster); }},
    {"namespace", [](const Row& r) { return SortValue(r.of->space); }},
    {"pod", [](const Row& r) { return SortValue(r.of->pod); }},
    {"container", [](const Row& r) { return SortValue(r.of->container); }},
    {"instance", [](const Row& r) { return SortValue(r.of->instance); }},
    {"engine", [](const Row& r) { return SortValue(fleet::engine_name(r.of->engine)); }},
    {"model", [](const Row& r) { return SortValue(r.of->model); }},
    {"node", [](const Row& r) { return SortValue(r.of->node); }},
    {"team", [](const Row& r) { return SortValue(r.team); }},
    {"running", [](const Row& r) { return SortValue(r.of->running); }},
    {"waiting", [](const Row& r) { return SortValue(r.of->waiting); }},
    {"kvCacheUsedPercent", [](const Row& r) { return SortValue(r.of->kv_used_ratio); }},
    {"promptTokensPerSecond", [](const Row& r) { return SortValue(r.of->prompt_tokens_per_second); }},
    {"generationTokensPerSecond", [](const Row& r) { return SortValue(r.of->generation_tokens_per_second); }},
    {"timeToFirstTokenSeconds", [](const Row& r) { return SortValue(r.of->first_token.mean); }},
    {"lastSeen", [](const Row& r) { return SortValue(static_cast<double>(r.of->last_seen)); }},
};

constexpr std::string_view kColumns[] = {"cluster",
                                         "namespace",
                                         "pod",
                                         "container",
                                         "node",
                                         "instance",
                                         "engine",
                                         "model",
                                         "role",
                                         "team",
                                         "parallelism.tensor",
                                         "parallelism.pipeline",
                                         "parallelism.data",
                                         "ranks",
                                         "running",
                                         "waiting",
                                         "kvCacheUsedPercent",
                                         "kvCacheCapacityTokens",
                                         "asleep",
                                         "windowSeconds",
                                         "promptTokensPerSecond",
                                         "generationTokensPerSecond",
                                         "finishedRequestsPerSecond",
                                         "prefixCacheHitPercent",
                                         "preemptions",
                                         "timeToFirstTokenSeconds.mean",
                                         "timeToFirstTokenSeconds.p50",
                                         "timeToFirstTokenSeconds.p90",
                                         "timeToFirstTokenSeconds.p99",
                                         "interTokenSeconds.mean",
                                         "interTokenSeconds.p99",
                                         "endToEndSeconds.mean",
                                         "endToEndSeconds.p99",
                                         "queueSeconds.mean",
                                         "queueSeconds.p99",
                                         "pods",
                                         "parts",
                                         "utilization.allocated",
                                         "lastSeen"};

/// What pods hold, by "cluster/namespace/pod".
using Held = std::map<std::string, fleet::Pod>;

std::string held_key(std::string_view cluster, std::string_view space, std::string_view pod) {
  return std::string(cluster) + "/" + fleet::pod_key(space, pod);
}

Held held_by_pods(const fleet::View& view) {
  Held out;
  for (const auto& node : view.nodes)
    for (fleet::Pod& pod : fleet::pods_of(*node)) {
      std::string key = held_key(node->cluster, pod.space, pod.name);
      out.try_emplace(std::move(key), std::move(pod));
    }
  return out;
}

Json latency_json(const fleet::Latency& of) {
  return {{"mean", or_null(of.mean)}, {"p50", or_null(of.p50)}, {"p90", or_null(of.p90)}, {"p99", or_null(of.p99)}};
}

Json parallelism_json(const fleet::ClusterPod* pod) {
  const fleet::EngineArguments of = pod ? pod->engine_arguments : fleet::EngineArguments{};
  return {{"tensor", or_null(of.tensor)}, {"pipeline", or_null(of.pipeline)}, {"data", or_null(of.data)}};
}

Json row_json(const Row& row, const Held& held, const fleet::ClusterView& cluster) {
  const Served& of = *row.of;
  const auto pods = pods_of_replica(of, cluster);
  Json parts = Json::array();
  fleet::UtilizationSum utilization;
  for (const std::string& name : pods) {
    const auto found = held.find(held_key(of.cluster, of.space, name));
    if (found == held.end()) continue;
    utilization.add(found->second.utilization);
    for (const fleet::PodPart& one : found->second.parts) parts.push_back(pod_part_json(*found->second.node, one));
  }
  return {{"cluster", of.cluster},
          {"namespace", text_or_null(of.space)},
          {"pod", text_or_null(of.pod)},
          {"podUid", text_or_null(of.pod_uid.empty() && row.known ? row.known->uid : of.pod_uid)},
          {"container", text_or_null(of.container)},
          {"node", text_or_null(of.node.empty() && row.known ? row.known->node : of.node)},
          {"instance", text_or_null(of.instance)},
          {"engine", fleet::engine_name(of.engine)},
          {"model", text_or_null(of.model)},
          {"role", text_or_null(of.role)},
          {"team", text_or_null(row.team)},
          {"parallelism", parallelism_json(row.known)},
          {"ranks", of.ranks},
          {"running", or_null(of.running)},
          {"waiting", or_null(of.waiting)},
          {"kvCacheUsedPercent", percent_of(of.kv_used_ratio)},
          {"kvCacheCapacityTokens", or_null(of.kv_capacity_tokens)},
          {"asleep", or_null(of.asleep)},
          {"windowSeconds", or_null(of.window_seconds)},
          {"promptTokensPerSecond", or_null(of.prompt_tokens_per_second)},
          {"generationTokensPerSecond", or_null(of.generation_tokens_per_second)},
          {"finishedRequestsPerSecond", or_null(of.finished_per_second)},
          {"prefixCacheHitPercent", percent_of(of.prefix_hit_ratio)},
          {"preemptions", or_null(of.preemptions)},
          {"timeToFirstTokenSeconds", latency_json(of.first_token)},
          {"interTokenSeconds", latency_json(of.inter_token)},
          {"endToEndSeconds", latency_json(of.end_to_end)},
          {"queueSeconds", latency_json(of.queue)},
          {"pods", pods},
          {"parts", std::move(parts)},
          {"utilization", utilization_json(utilization)},
          {"firstSeen", time_json(of.first_seen)},
          {"lastSeen", time_json(of.last_seen)}};
}

const std::vector<std::string_view>& engine_names() {
  static const auto kNames = names_of(fleet::engine_name, fleet::kEngines);
  return kNames;
}

}  // namespace

const Columns kServingColumns = kColumns;

Page list_serving(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  const auto spaces = query.texts("namespace");
  const auto pod = query.text("pod");
  const auto nodes = query.texts("nodeName");
  const auto models = query.texts("model");
  const auto engines = query.words("engine", engine_names());
  const auto teams = query.texts("team");
  const std::string search = lower(query.text("search").value_or(""));
  const Pager<Row> pager(query, kSort, "cluster,namespace,pod,model",
                         "cluster,namespace,pod,model,container,instance,engine");
  if (!query.finish()) return {};
  std::vector<Row> rows;
  for (const auto& of : known.serving.engines) {
    const Row row{of.get(), known.cluster.pod(of->cluster, of->space, of->pod),
                  fleet::team_of(known.cluster, of->cluster, of->space, of->pod)};
    if ((!cluster || *cluster == of->cluster) && is_any(spaces, of->space) && (!pod || *pod == of->pod) &&
        is_any(nodes, of->node) && is_any(models, of->model) && is_one(engines, of->engine) &&
        is_any(teams, row.team) &&
        (has_text(of->space, search) || has_text(of->pod, search) || has_text(of->model, search)))
      rows.push_back(row);
  }
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows), held = held_by_pods(known.view), cluster_view = &known.cluster](
                 std::size_t at, Json& into) { into = row_json(rows[at], held, *cluster_view); };
  return page;
}

}  // namespace tessera::server
