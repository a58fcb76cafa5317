// The whole fleet in one short reply: a line for each node, and of each device what a cell of a heat map shows.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <tuple>

#include "fleet/inventory/catalogue.h"
#include "server/api.h"
#include "server/api_rows.h"

namespace tessera::server {
namespace {

using fleet::Device;
using fleet::DevicePart;

constexpr std::int64_t kDevices = 20'000;
constexpr std::int64_t kMostDevices = 100'000;

// In the order of cell_json() and part_json().
constexpr std::string_view kColumns =
    R"(["id","modelKey","presence","health","use","utilization","memoryPercent","temperatureCelsius","powerWatts","namespace","migEnabled","parts"])";
constexpr std::string_view kPartColumns = R"(["share","profile","gi","utilization","memoryPercent","namespace","use"])";

Json percent_used(std::optional<double> used, std::optional<double> total) {
  if (!used || !total || !(*total > 0)) return nullptr;
  return std::round(std::clamp(*used / *total, 0.0, 1.0) * 1'000) / 10;
}

/// Who holds it first of all; null for nobody.
template <class Wanted>
Json holder_of(const Device& device, const Wanted& wanted) {
  const auto found =
      std::ranges::find_if(device.allocations, [&](const fleet::Allocation& one) { return wanted(one.part); });
  return found == device.allocations.end() ? Json(nullptr) : text_or_null(found->facts->workload.space);
}

Json part_json(const Device& device, const DevicePart& part, double share) {
  const fleet::InstanceFacts& facts = *part.instance->facts;
  const auto total = facts.memory_bytes ? std::optional(static_cast<double>(*facts.memory_bytes)) : std::nullopt;
  return Json::array({std::round(share * 10'000) / 10'000, text_or_null(facts.profile),
                      part.part.gpu_instance.value_or(0), percent_of(fleet::activity(*part.readings)),
                      percent_used((*part.readings)[gpu::Reading::MemoryUsedBytes], total),
                      holder_of(device, [&](const fleet::Part& one) { return fleet::covers(one, part.part); }),
                      fleet::use_name(fleet::use_of(device, part).use)});
}

/// Where it stands; those whose place is not known are last.
std::tuple<unsigned, unsigned, unsigned> place_of(const DevicePart& part) {
  const auto& placement = part.instance->facts->placement;
  return {placement ? placement->start : ~0U, part.part.gpu_instance.value_or(0),
          part.part.compute_instance.value_or(0)};
}

/// By place. How much of the device each takes is by compute slices; where those of one are not known, all take the
/// same.
Json parts_json(const Device& device) {
  std::vector<DevicePart> parts;
  for (const DevicePart& part : fleet::parts_of(device))
    if (part.instance) parts.push_back(part);
  std::ranges::sort(parts, {}, place_of);
  const auto whole = fleet::whole_weight(device, gpu::Weight::ComputeSlices);
  double sum = 0;
  bool known = whole && *whole > 0;
  for (const DevicePart& part : parts) {
    const auto slices = part.instance->facts->compute_slices;
    known = known && slices.has_value();
    sum += slices.value_or(0);
  }
  known = known && sum <= *whole;
  Json out = Json::array();
  for (const DevicePart& part : parts)
    out.push_back(
        part_json(device, part,
                  known ? *part.instance->facts->compute_slices / *whole : 1.0 / static_cast<double>(parts.size())));
  return out;
}

Json cell_json(const fleet::Node& node, const Device& device) {
  fleet::UtilizationSum sum;
  sum.add(device);
  Json holder = holder_of(device, [](const fleet::Part& one) { return !one.gpu_instance; });
  if (holder.is_null()) holder = holder_of(device, [](const fleet::Part&) { return true; });
  return Json::array({fleet::device_id(node.name, device.facts->index), fleet::model_key_of(device.facts->name),
                      fleet::presence_name(device.presence), fleet::health_name(fleet::health_of(device)),
                      fleet::use_name(fleet::use_of(device).use), percent_of(sum.device()),
                      percent_used(fleet::memory_used_bytes(device), fleet::memory_total_bytes(device)),
                      or_null(device.readings[gpu::Reading::TemperatureCelsius]),
                      or_null(device.readings[gpu::Reading::PowerWatts]), std::move(holder),
                      or_null(device.facts->mig_enabled), parts_json(device)});
}

bool is_shown(const Device& device) { return device.presence != fleet::Presence::Retired; }

}  // namespace

Json cells_json(const fleet::Node& node) {
  Json devices = Json::array();
  for (const Device& device : node.devices)
    if (is_shown(device)) devices.push_back(cell_json(node, device));
  return {{"cluster", node.cluster}, {"node", node.name}, {"devices", std::move(devices)}};
}

std::string tell_heatmap(const Known& known, Query& query) {
  const DeviceFilter filter{.cluster = query.text("cluster"), .nodes = query.texts("nodeName")};
  const auto limit = static_cast<std::size_t>(query.whole("limit", 1, kMostDevices, kDevices));
  if (!query.finish()) return {};
  std::string nodes;
  std::size_t total = 0, shown = 0;
  for (const auto& node : known.view.nodes) {
    if (!filter.wants(*node)) continue;
    const auto devices = static_cast<std::size_t>(std::ranges::count_if(node->devices, is_shown));
    total += devices;
    if (devices == 0 || total > limit) continue;  // nodes stay whole
    shown += devices;
    nodes += fmt::format("{}{}", nodes.empty() ? "" : ",", *known.texts.cells(node));
  }
  return fmt::format(R"({{"time":"{}","total":{},"shown":{},"columns":{},"partColumns":{},"nodes":[{}]}})",
                     format_time(known.view.time), total, shown, kColumns, kPartColumns, nodes);
}

}  // namespace tessera::server
