#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "gpu/models.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/field_selector.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

using fleet::Device;
using fleet::Node;
using gpu::Reading;

struct Row {
  const std::shared_ptr<const Node>* node;  ///< as the view has it
  const Device* device;
  const fleet::DeviceSummary* summary;
};

std::string_view model_of(const Device& device) {
  return gpu::model_key(device.facts->name).value_or(device.facts->name);
}

constexpr SortColumn<Row> kSort[] = {
    {"id", nullptr, "node,index"},
    {"cluster", [](const Row& r) { return SortValue((*r.node)->cluster); }},
    {"node", [](const Row& r) { return SortValue((*r.node)->name); }},
    {"index", [](const Row& r) { return SortValue(static_cast<double>(r.device->facts->index)); }},
    {"uuid", [](const Row& r) { return SortValue(r.device->facts->uuid); }},
    {"modelKey", [](const Row& r) { return SortValue(model_of(*r.device)); }},
    {"health", [](const Row& r) { return SortValue(static_cast<double>(r.summary->health)); }},
    {"utilization", [](const Row& r) { return SortValue(r.summary->utilization); }},
    {"memoryUsedBytes", [](const Row& r) { return SortValue(r.summary->memory_used_bytes); }},
    {"powerWatts", [](const Row& r) { return SortValue(r.device->readings[Reading::PowerWatts]); }},
    {"temperatureCelsius", [](const Row& r) { return SortValue(r.device->readings[Reading::TemperatureCelsius]); }},
    {"sessionCount", [](const Row& r) { return SortValue(static_cast<double>(r.device->sessions.size())); }},
    {"idleSince", [](const Row& r) { return SortValue(r.summary->use.idle_since); }},
    {"lastSeen", [](const Row& r) { return SortValue(static_cast<double>(r.device->last_seen)); }},
};

constexpr std::string_view kColumns[] = {"id",
                                         "cluster",
                                         "uuid",
                                         "node",
                                         "index",
                                         "model",
                                         "modelKey",
                                         "presence",
                                         "health",
                                         "why",
                                         "use",
                                         "idleSince",
                                         "migEnabled",
                                         "utilization.device",
                                         "utilization.allocated",
                                         "utilization.simple",
                                         "utilization.coverage",
                                         "memoryUsedBytes",
                                         "memoryTotalBytes",
                                         "powerWatts",
                                         "temperatureCelsius",
                                         "sessionCount",
                                         "instances",
                                         "holders",
                                         "architecture",
                                         "driverVersion",
                                         "computeSlices",
                                         "smCount",
                                         "firstSeen",
                                         "lastSeen"};

struct Field {
  std::string_view name;
  std::string (*of)(const Row& row);
};
constexpr Field kFields[] = {
    {"id", [](const Row& r) { return fleet::device_id((*r.node)->name, r.device->facts->index); }},
    {"uuid", [](const Row& r) { return r.device->facts->uuid; }},
    {"cluster", [](const Row& r) { return (*r.node)->cluster; }},
    {"node", [](const Row& r) { return (*r.node)->name; }},
    {"index", [](const Row& r) { return std::to_string(r.device->facts->index); }},
    {"model", [](const Row& r) { return r.device->facts->name; }},
    {"modelKey", [](const Row& r) { return std::string(model_of(*r.device)); }},
    {"presence", [](const Row& r) { return std::string(fleet::presence_name(r.device->presence)); }},
    {"health", [](const Row& r) { return std::string(fleet::health_name(r.summary->health)); }},
    {"use", [](const Row& r) { return std::string(fleet::use_name(r.summary->use.use)); }},
    {"migEnabled",
     [](const Row& r) {
       const auto enabled = r.device->facts->mig_enabled;
       return std::string(!enabled ? "" : *enabled ? "true" : "false");
     }},
    {"architecture", [](const Row& r) { return r.device->facts->architecture; }},
    {"driverVersion", [](const Row& r) { return r.device->facts->driver_version; }},
};

std::vector<std::string_view> field_names() {
  std::vector<std::string_view> out;
  for (const Field& one : kFields) out.push_back(one.name);
  return out;
}

bool holds(const std::vector<FieldTerm>& terms, const Row& row) {
  return std::ranges::all_of(
      terms, [&](const FieldTerm& term) { return (kFields[term.field].of(row) == term.value) == term.equal; });
}

/// One sentence where it is not present and healthy.
std::string why(const Device& device) {
  if (device.presence == fleet::Presence::Retired) return "Its node has left, or another board has its place.";
  const auto problems = fleet::problems_of(device);
  if (problems.empty() || problems.front().severity == fleet::Severity::Info) return {};
  std::string out(problems.front().what);
  out[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(out[0])));
  return out + '.';
}

bool found_by(const Node& node, const Device& device, std::string_view search) {
  const auto of_workload = [&](const auto& one) {
    return has_text(one.facts->workload.space, search) || has_text(one.facts->workload.pod, search);
  };
  return search.empty() || has_text(fleet::device_id(node.name, device.facts->index), search) ||
         has_text(device.facts->uuid, search) || has_text(device.facts->name, search) ||
         has_text(model_of(device), search) || std::ranges::any_of(device.allocations, of_workload) ||
         std::ranges::any_of(device.sessions, of_workload);
}

}  // namespace

const Columns kDeviceColumns = kColumns;

Json device_json(const Node& node, const Device& device) {
  const fleet::DeviceFacts& facts = *device.facts;
  const fleet::UseSince use = fleet::use_of(device);
  fleet::UtilizationSum utilization;
  utilization.add(device);
  const auto slices = fleet::whole_weight(device, gpu::Weight::ComputeSlices);
  Json out{{"id", fleet::device_id(node.name, facts.index)},
           {"cluster", node.cluster},
           {"uuid", facts.uuid},
           {"node", node.name},
           {"index", facts.index},
           {"model", facts.name},
           {"modelKey", model_of(device)},
           {"presence", fleet::presence_name(device.presence)},
           {"health", fleet::health_name(fleet::health_of(device))},
           {"why", text_or_null(why(device))},
           {"use", fleet::use_name(use.use)},
           {"idleSince", time_or_null(use.idle_since)},
           {"migEnabled", or_null(facts.mig_enabled)},
           {"utilization", utilization_json(utilization)},
           {"memoryUsedBytes", bytes_or_null(fleet::memory_used_bytes(device))},
           {"memoryTotalBytes", bytes_or_null(fleet::memory_total_bytes(device))},
           {"powerWatts", or_null(device.readings[Reading::PowerWatts])},
           {"temperatureCelsius", or_null(device.readings[Reading::TemperatureCelsius])},
           {"sessionCount", fleet::tells_sessions(device) ? Json(device.sessions.size()) : Json(nullptr)},
           {"instances", Json::array()},
           {"holders", holders_json(device, {})},
           {"architecture", text_or_null(facts.architecture)},
           {"driverVersion", text_or_null(facts.driver_version)},
           {"computeSlices", slices ? Json(static_cast<unsigned>(*slices)) : Json(nullptr)},
           {"smCount", or_null(facts.sm_count)},
           {"firstSeen", time_json(device.first_seen)},
           {"lastSeen", time_json(device.last_seen)}};
  for (const fleet::DevicePart& part : fleet::parts_of(device))
    if (part.instance) out["instances"].push_back(instance_json(node, device, part));
  return out;
}

Page list_devices(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .nodes = query.texts("nodeName"),
                            .models = query.texts("model"),
                            .spaces = query.texts("namespace"),
                            .labels = read_node_labels(query, known.cluster)};
  const auto health = query.words("health", health_names());
  const auto use = query.words("use", use_names());
  const auto presence = read_presences(query);
  const auto fields = read_field_selector(query, field_names());
  const std::string search = lower(query.text("search").value_or(""));
  const Pager<Row> pager(query, kSort, "cluster,node,index", "cluster,node,index,uuid", RowsCome::InOrder);
  if (!query.finish()) return {};
  const auto wants = [&](const Row& row) {
    const fleet::DeviceSummary& of = *row.summary;
    return is_one(presence, of.presence) && (health.empty() || is_one(health, of.health)) &&
           (use.empty() || is_one(use, of.use.use)) && filter.wants(**row.node, *row.device) &&
           found_by(**row.node, *row.device, search) && holds(fields, row);
  };
  auto cut = pager.page(known.heads, [&] {
    std::vector<Row> rows;
    for (std::size_t at = 0; at < known.view.nodes.size(); ++at) {
      const auto& node = known.view.nodes[at];
      if (!filter.wants(*node)) continue;
      for (std::size_t i = 0; i < node->devices.size(); ++i)
        if (const Row row{&node, &node->devices[i], &known.overviews.nodes[at]->devices[i]}; wants(row))
          rows.push_back(row);
    }
    return rows;
  });
  Page page;
  page.total = cut.total;
  page.next_cursor = std::move(cut.next);
  page.rows = cut.rows.size();
  const auto rows = std::make_shared<const std::vector<Row>>(std::move(cut.rows));
  page.text = [rows, &texts = known.texts](std::size_t at) {
    return texts.device(*(*rows)[at].node, *(*rows)[at].device);
  };
  page.row = [rows](std::size_t at, Json& into) { into = device_json(**(*rows)[at].node, *(*rows)[at].device); };
  return page;
}

}  // namespace tessera::server
