#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/api.h"
#include "server/api_allocations.h"
#include "server/api_rows.h"

namespace tessera::server {
namespace {

constexpr std::size_t kTopNamespaces = 10;

/// Nobody knows where no exporter tells processes.
Json sessions_json(std::uint64_t sessions, std::uint64_t devices_that_tell) {
  return devices_that_tell > 0 ? Json(sessions) : Json(nullptr);
}

Json top_namespaces(const fleet::Overview& of) {
  std::vector<std::pair<std::string_view, const fleet::NamespaceUse*>> all;
  for (const auto& [name, use] : of.namespaces) all.emplace_back(name, &use);
  const auto most_held = [](const auto& one) { return std::pair(-one.second->held_devices, one.first); };
  std::ranges::sort(all, {}, most_held);
  all.resize(std::min(all.size(), kTopNamespaces));
  Json out = Json::array();
  for (const auto& [name, use] : all)
    out.push_back({{"namespace", name},
                   {"heldDevices", use->held_devices},
                   {"sessionCount", sessions_json(use->sessions, use->tell_sessions)},
                   {"utilization", percent_of(use->utilization.allocated())},
                   {"coverage", coverage_of(use->utilization.allocated())}});
  return out;
}

}  // namespace

Json show_overview(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  if (!query.finish()) return {};
  const auto found = cluster ? known.overviews.clusters.find(*cluster) : known.overviews.clusters.end();
  const fleet::Overview none;
  const fleet::Overview& of =
      !cluster ? known.overviews.all : (found == known.overviews.clusters.end() ? none : found->second);
  return {{"time", time_json(known.view.time)},
          {"totalGpuDevices", of.devices},
          {"activeAllocations", of.allocations + promised_count(known.allocations, known.view, cluster, known.viewer)},
          {"totalMigInstances", of.mig_instances},
          {"overallGpuUtilization", percent_of(of.utilization.device())},
          {"devicesByModel", of.devices_by_model},
          {"utilization", utilization_json(of.utilization)},
          {"totalNodes", of.nodes},
          {"totalSessions", sessions_json(of.sessions, of.tell_sessions)},
          {"unattributedSessions", sessions_json(of.unattributed_sessions, of.tell_sessions)},
          {"devicesByHealth", counts_json(of.by_health, health_names())},
          {"devicesByPresence", counts_json(of.by_presence, presence_names())},
          {"devicesByUse", counts_json(of.by_use, use_names())},
          {"instancesByUse", counts_json(of.instances_by_use, use_names())},
          {"instancesByProfile", of.instances_by_profile},
          {"findings", counts_json(of.findings, severity_names())},
          {"memoryUsedBytes", bytes_or_null(of.memory_used_bytes.known())},
          {"memoryTotalBytes", bytes_or_null(of.memory_total_bytes.known())},
          {"powerWatts", or_null(of.power_watts.known())},
          {"topNamespaces", top_namespaces(of)}};
}

}  // namespace tessera::server
