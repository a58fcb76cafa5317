#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "fleet/inventory/catalogue.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

/// What makes two profiles of one name different ones.
using Shape = std::tuple<std::string, std::string, std::optional<unsigned>, std::optional<std::uint64_t>,
                         std::vector<gpu::Placement>>;

struct Row {
  std::string model;
  std::string profile;
  std::optional<unsigned> compute_slices;
  std::optional<unsigned> sm_count;
  std::optional<std::uint64_t> memory_bytes;
  std::optional<unsigned> max_instances;
  std::vector<gpu::Placement> placements;
  std::set<std::string> drivers;
  std::uint64_t devices = 0;
  std::uint64_t instances = 0;
  std::uint64_t in_use = 0;
  double number = 0;  ///< of rows of one name
};

constexpr SortColumn<Row> kSort[] = {
    {"modelKey", [](const Row& r) { return SortValue(r.model); }},
    {"profile", [](const Row& r) { return SortValue(r.profile); }},
    {"number", [](const Row& r) { return SortValue(r.number); }},
};

constexpr std::string_view kColumns[] = {
    "key",          "modelKey",   "profile",        "computeSlices", "memorySlices",  "smCount",       "memoryBytes",
    "maxInstances", "placements", "driverVersions", "deviceCount",   "instanceCount", "instancesInUse"};

Json row_json(const Row& row) {
  Json placements = Json::array();
  for (const gpu::Placement& one : row.placements) placements.push_back(placement_json(one));
  return {{"key", text_or_null(fleet::profile_key(row.model, row.profile).value_or(""))},
          {"modelKey", row.model},
          {"profile", row.profile},
          {"computeSlices", or_null(row.compute_slices)},
          {"memorySlices", row.placements.empty() ? Json(nullptr) : Json(row.placements.front().size)},
          {"smCount", or_null(row.sm_count)},
          {"memoryBytes", or_null(row.memory_bytes)},
          {"maxInstances", or_null(row.max_instances)},
          {"placements", placements},
          {"driverVersions", row.drivers},
          {"deviceCount", row.devices},
          {"instanceCount", row.instances},
          {"instancesInUse", row.in_use}};
}

class Folding {
 public:
  void add(const fleet::Device& device) {
    const std::string model = fleet::model_key_of(device.facts->name);
    std::map<std::string_view, Row*> offered;
    if (device.facts->profiles)
      for (const gpu::Profile& one : *device.facts->profiles) offered[one.name] = &offer(device, model, one);
    for (const fleet::DevicePart& part : fleet::parts_of(device)) {
      if (!part.instance || part.instance->facts->profile.empty()) continue;
      const fleet::InstanceFacts& facts = *part.instance->facts;
      Row*& row = offered[facts.profile];
      if (!row) row = &seen(device, model, facts);
      ++row->instances;
      const auto use = fleet::use_of(device, part).use;
      if (use == fleet::Use::Active || use == fleet::Use::Idle) ++row->in_use;
    }
  }

  std::vector<Row> finish() {
    std::vector<Row> out;
    for (auto& [shape, row] : rows_) {
      const bool again = !out.empty() && out.back().model == row.model && out.back().profile == row.profile;
      row.number = again ? out.back().number + 1 : 0;
      out.push_back(std::move(row));
    }
    return out;
  }

 private:
  Row& row_of(const fleet::Device& device, Shape shape) {
    Row& row = rows_[shape];
    std::tie(row.model, row.profile, row.sm_count, row.memory_bytes, row.placements) = std::move(shape);
    ++row.devices;
    if (!device.facts->driver_version.empty()) row.drivers.insert(device.facts->driver_version);
    return row;
  }

  Row& offer(const fleet::Device& device, const std::string& model, const gpu::Profile& one) {
    Row& row = row_of(device, {model, one.name, one.sm_count, one.memory_bytes, one.placements});
    row.compute_slices = one.compute_slices;
    row.max_instances = one.max_instances;
    return row;
  }

  /// Of an exporter that tells no profiles, or of a part of a GPU instance.
  Row& seen(const fleet::Device& device, const std::string& model, const fleet::InstanceFacts& facts) {
    Row& row = row_of(device, {model, facts.profile, facts.sm_count, facts.memory_bytes, {}});
    row.compute_slices = facts.compute_slices;
    return row;
  }

  std::map<Shape, Row> rows_;
};

}  // namespace

const Columns kMigProfileColumns = kColumns;

Page list_mig_profiles(const Known& known, Query& query) {
  const DeviceFilter filter{
      .cluster = query.text("cluster"), .nodes = query.texts("nodeName"), .models = query.texts("model")};
  const Pager<Row> pager(query, kSort, "", "modelKey,profile,number");
  if (!query.finish()) return {};
  Folding folding;
  for (const auto& node : known.view.nodes)
    if (filter.wants(*node))
      for (const fleet::Device& device : node->devices)
        if (device.presence != fleet::Presence::Retired && filter.wants(*node, device)) folding.add(device);
  std::vector<Row> rows = folding.finish();
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) { into = row_json(rows[at]); };
  return page;
}

}  // namespace tessera::server
