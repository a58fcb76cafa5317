#include <algorithm>
#include <nlohmann/json.hpp>

#include "fleet/cluster/owners.h"
#include "fleet/inventory/groups.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"
#include "server/utilization_window.h"

namespace tessera::server {
namespace {

enum class Over : std::uint8_t { Allocated, Device };
const std::vector<std::string_view> kOver = {"allocated", "device"};
const std::vector<std::string_view> kWeights = {"compute_slices", "sm"};

struct Row {
  fleet::Group group;
  std::optional<double> value;
};

constexpr SortColumn<Row> kSort[] = {
    {"key", [](const Row& r) { return SortValue(r.group.key); }},
    {"cluster", [](const Row& r) { return SortValue(r.group.cluster); }},
    {"value", [](const Row& r) { return SortValue(r.value); }},
    {"deviceCount", [](const Row& r) { return SortValue(static_cast<double>(r.group.devices)); }},
    {"partCount", [](const Row& r) { return SortValue(static_cast<double>(r.group.parts)); }},
};

constexpr std::string_view kColumns[] = {"key",
                                         "cluster",
                                         "value",
                                         "utilization.allocated",
                                         "utilization.device",
                                         "utilization.simple",
                                         "utilization.allocatedWeight",
                                         "utilization.deviceWeight",
                                         "utilization.coverage",
                                         "utilization.source",
                                         "deviceCount",
                                         "partCount"};

Json row_json(const Row& row) {
  return {{"key", row.group.key},
          {"cluster", text_or_null(row.group.cluster)},
          {"value", percent_of(row.value)},
          {"utilization", utilization_json(row.group.utilization)},
          {"deviceCount", row.group.devices},
          {"partCount", row.group.parts}};
}

bool has_pod(const fleet::Device& device, const fleet::DevicePart& part, const std::string& pod) {
  const auto is = [&](const auto& one) {
    const fleet::Workload& of = one.facts->workload;
    return fleet::covers(one.part, part.part) && (of.pod == pod || of.pod_uid == pod);
  };
  return std::ranges::any_of(device.allocations, is) || std::ranges::any_of(device.sessions, is);
}

}  // namespace

const Columns kUtilizationColumns = kColumns;

Page list_utilization(const Known& known, Query& query) {
  const auto by = query.word("groupBy", fleet::group_by_names()).value_or(0);
  const auto weight = query.word("weight", kWeights).value_or(0);
  const auto over = query.word("over", kOver).value_or(1);
  const DeviceFilter filter{.cluster = query.text("cluster"),
                            .nodes = query.texts("nodeName"),
                            .models = query.texts("model"),
                            .spaces = query.texts("namespace")};
  const auto pod = query.text("pod");
  const auto window = query.duration("window");
  const bool over_device = static_cast<Over>(over) == Over::Device;
  const std::vector<std::pair<std::string_view, std::string>> about = {
      {"groupBy", std::string(fleet::group_by_names()[by])},
      {"over", std::string(kOver[over])},
      {"weight", std::string(kWeights[weight])}};
  if (window) {
    const DeviceFilter devices{.cluster = filter.cluster, .nodes = filter.nodes, .models = filter.models};
    const auto wants = [&](const fleet::Node& node, const fleet::Device& device) {
      return devices.wants(node) && devices.wants(node, device);
    };
    Page page =
        list_window(known, query,
                    {static_cast<fleet::GroupBy>(by), weight == 1 ? gpu::Weight::Sm : gpu::Weight::ComputeSlices,
                     over_device, *window, wants, known.viewer.visible(filter.spaces), pod});
    page.about.insert(page.about.begin(), about.begin(), about.end());
    return page;
  }
  const Pager<Row> pager(query, kSort, "-value,key", "cluster,key");
  if (!query.finish()) return {};
  fleet::GroupQuery groups;
  groups.by = static_cast<fleet::GroupBy>(by);
  groups.weight = weight == 1 ? gpu::Weight::Sm : gpu::Weight::ComputeSlices;
  groups.team = [&](const std::string& cluster, const fleet::Workload& of) {
    return fleet::team_of(known.cluster, cluster, of.space, of.pod);
  };
  groups.device = [&](const fleet::Node& node, const fleet::Device& device) {
    return filter.wants(node) && filter.wants(node, device);
  };
  if (!filter.spaces.empty() || pod)
    groups.part = [&](const fleet::Device& device, const fleet::DevicePart& part) {
      return filter.wants(device, part.part) && (!pod || has_pod(device, part, *pod));
    };
  std::vector<Row> rows;
  for (fleet::Group& group : fleet::groups_of(known.view, groups)) {
    const auto mean = over_device ? group.utilization.device() : group.utilization.allocated();
    rows.push_back({std::move(group), mean ? std::optional(mean->ratio) : std::nullopt});
  }
  Page page;
  page.about = about;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) { into = row_json(rows[at]); };
  return page;
}

}  // namespace tessera::server
