#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "fleet/inventory/pods.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Node;
using fleet::Pod;
using fleet::PodPart;

using Row = Pod;

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
    {"cluster", [](const Row& r) { return SortValue(r.node->cluster); }},
    {"namespace", [](const Row& r) { return SortValue(r.space); }},
    {"name", [](const Row& r) { return SortValue(r.name); }},
    {"uid", [](const Row& r) { return SortValue(r.uid); }},
    {"node", [](const Row& r) { return SortValue(r.node->name); }},
    {"utilization", [](const Row& r) { return SortValue(utilization(r)); }},
    {"memoryUsedBytes", [](const Row& r) { return SortValue(memory_used(r)); }},
    {"sessionCount", [](const Row& r) { return SortValue(r.sessions); }},
    {"idleSince", [](const Row& r) { return SortValue(r.use.idle_since); }},
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
                                         "lastSeen"};

Json part_json(const Node& node, const PodPart& one) {
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

Json row_json(const Pod& pod) {
  Json out{{"cluster", pod.node->cluster},
           {"namespace", text_or_null(pod.space)},
           {"name", text_or_null(pod.name)},
           {"uid", text_or_null(pod.uid)},
           {"node", pod.node->name},
           {"parts", Json::array()},
           {"utilization", utilization_json(pod.utilization)},
           {"memoryUsedBytes", or_null(memory_used(pod))},
           {"memoryHeldBytes", bytes_or_null(memory_held(pod))},
           {"sessionCount", or_null(pod.sessions)},
           {"use", fleet::use_name(pod.use.use)},
           {"idleSince", time_or_null(pod.use.idle_since)},
           {"firstSeen", time_json(pod.first_seen)},
           {"lastSeen", time_json(pod.last_seen)}};
  for (const PodPart& one : pod.parts) out["parts"].push_back(part_json(*pod.node, one));
  return out;
}

}  // namespace

const Columns kPodColumns = kColumns;

Page list_pods(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .nodes = query.texts("nodeName"),
                            .devices = query.texts("deviceId"),
                            .spaces = query.texts("namespace")};
  const auto name = query.text("pod");
  const auto use = query.words("use", use_names());
  const std::string search = lower(query.text("search").value_or(""));
  const Pager<Row> pager(query, kSort, "cluster,namespace,name", "cluster,namespace,name,uid,node");
  if (!query.finish()) return {};
  const auto wants = [&](const Pod& pod) {
    const auto on_device = [&](const PodPart& one) {
      return is_any(filter.devices, one.device->facts->uuid) ||
             is_any(filter.devices, fleet::device_id(pod.node->name, one.device->facts->index));
    };
    return is_any(filter.spaces, pod.space) && (!name || pod.name == *name || pod.uid == *name) &&
           is_one(use, pod.use.use) && std::ranges::any_of(pod.parts, on_device) &&
           (has_text(pod.space, search) || has_text(pod.name, search) || has_text(pod.uid, search));
  };
  std::vector<Row> rows;
  for (const auto& node : known.view.nodes)
    if (filter.wants(*node))
      for (Pod& pod : fleet::pods_of(*node))
        if (wants(pod)) rows.push_back(std::move(pod));
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) { into = row_json(rows[at]); };
  return page;
}

}  // namespace tessera::server
