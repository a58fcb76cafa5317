#include <algorithm>
#include <nlohmann/json.hpp>

#include "fleet/inventory/catalogue.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Device;
using fleet::DevicePart;
using fleet::Node;

struct Row {
  const Node* node;
  const Device* device;
  DevicePart part;
};

std::size_t session_count(const Device& device, const DevicePart& part) {
  return static_cast<std::size_t>(
      std::ranges::count_if(device.sessions, [&](const auto& one) { return fleet::covers(one.part, part.part); }));
}

SortValue start_of(const Row& row) {
  const auto& placement = row.part.instance->facts->placement;
  return SortValue(placement ? std::optional(placement->start) : std::nullopt);
}

constexpr SortColumn<Row> kSort[] = {
    {"cluster", [](const Row& r) { return SortValue(r.node->cluster); }},
    {"node", [](const Row& r) { return SortValue(r.node->name); }},
    {"deviceId", nullptr, "node,index"},
    {"index", [](const Row& r) { return SortValue(static_cast<double>(r.device->facts->index)); }},
    {"deviceUuid", [](const Row& r) { return SortValue(r.device->facts->uuid); }},
    {"start", start_of},
    {"gi", [](const Row& r) { return SortValue(r.part.part.gpu_instance); }},
    {"ci", [](const Row& r) { return SortValue(r.part.part.compute_instance); }},
    {"profile", [](const Row& r) { return SortValue(r.part.instance->facts->profile); }},
    {"utilizationPercent", [](const Row& r) { return SortValue(fleet::activity(*r.part.readings)); }},
    {"memoryUsedBytes", [](const Row& r) { return SortValue((*r.part.readings)[gpu::Reading::MemoryUsedBytes]); }},
    {"sessionCount", [](const Row& r) { return SortValue(static_cast<double>(session_count(*r.device, r.part))); }},
    {"idleSince", [](const Row& r) { return SortValue(fleet::use_of(*r.device, r.part).idle_since); }},
};

constexpr std::string_view kColumns[] = {"deviceId",
                                         "cluster",
                                         "node",
                                         "deviceUuid",
                                         "modelKey",
                                         "gi",
                                         "ci",
                                         "uuid",
                                         "profile",
                                         "profileKey",
                                         "start",
                                         "size",
                                         "computeSlices",
                                         "smCount",
                                         "memoryTotalBytes",
                                         "memoryUsedBytes",
                                         "utilizationPercent",
                                         "use",
                                         "idleSince",
                                         "sessionCount",
                                         "holders",
                                         "firstSeen",
                                         "lastSeen"};

Json row_json(const Row& row) {
  Json out = instance_json(*row.node, *row.device, row.part);
  out["cluster"] = row.node->cluster;
  out["node"] = row.node->name;
  out["deviceUuid"] = row.device->facts->uuid;
  out["modelKey"] = fleet::model_key_of(row.device->facts->name);
  out["holders"] = holders_json(*row.device, row.part.part);
  return out;
}

}  // namespace

const Columns kInstanceColumns = kColumns;

Json instance_json(const Node& node, const Device& device, const DevicePart& part) {
  const fleet::Instance& instance = *part.instance;
  const fleet::InstanceFacts& facts = *instance.facts;
  const fleet::UseSince use = fleet::use_of(device, part);
  const auto placement = facts.placement;
  return {{"deviceId", fleet::device_id(node.name, device.facts->index)},
          {"gi", part.part.gpu_instance.value_or(0)},
          {"ci", or_null(part.part.compute_instance)},
          {"uuid", text_or_null(facts.uuid)},
          {"profile", text_or_null(facts.profile)},
          {"profileKey",
           text_or_null(fleet::profile_key(fleet::model_key_of(device.facts->name), facts.profile).value_or(""))},
          {"start", or_null(placement ? std::optional(placement->start) : std::nullopt)},
          {"size", or_null(placement ? std::optional(placement->size) : std::nullopt)},
          {"computeSlices", or_null(facts.compute_slices)},
          {"smCount", or_null(facts.sm_count)},
          {"memoryTotalBytes", or_null(facts.memory_bytes)},
          {"memoryUsedBytes", bytes_or_null((*part.readings)[gpu::Reading::MemoryUsedBytes])},
          {"utilizationPercent", percent_of(fleet::activity(*part.readings))},
          {"use", fleet::use_name(use.use)},
          {"idleSince", time_or_null(use.idle_since)},
          {"sessionCount", fleet::tells_sessions(device) ? Json(session_count(device, part)) : Json(nullptr)},
          {"firstSeen", time_json(instance.first_seen)},
          {"lastSeen", time_json(instance.last_seen)}};
}

Page list_instances(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .nodes = query.texts("nodeName"),
                            .devices = query.texts("deviceId"),
                            .models = query.texts("model"),
                            .spaces = query.texts("namespace")};
  const auto use = query.words("use", use_names());
  const auto profiles = query.texts("profile");
  const Pager<Row> pager(query, kSort, "cluster,node,deviceId,start,gi,ci",
                         "cluster,node,index,deviceUuid,start,gi,ci");
  if (!query.finish()) return {};
  const auto wants = [&](const Device& device, const DevicePart& part) {
    if (!part.instance || !filter.wants(device, part.part)) return false;
    if (!use.empty() && !is_one(use, fleet::use_of(device, part).use)) return false;
    const std::string& profile = part.instance->facts->profile;
    return is_any(profiles, profile) ||
           is_any(profiles, fleet::profile_key(fleet::model_key_of(device.facts->name), profile).value_or(""));
  };
  auto cut = pager.page(known.heads, [&] {
    std::vector<Row> rows;
    for (const auto& node : known.view.nodes) {
      if (!filter.wants(*node)) continue;
      for (const Device& device : node->devices) {
        if (device.presence == fleet::Presence::Retired || device.instances.empty()) continue;
        if (!filter.wants(*node, device)) continue;
        for (const DevicePart& part : fleet::parts_of(device))
          if (wants(device, part)) rows.push_back({node.get(), &device, part});
      }
    }
    return rows;
  });
  Page page;
  page.total = cut.total;
  page.next_cursor = std::move(cut.next);
  page.rows = cut.rows.size();
  page.row = [rows = std::move(cut.rows)](std::size_t at, Json& into) { into = row_json(rows[at]); };
  return page;
}

}  // namespace tessera::server
