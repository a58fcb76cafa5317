#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "fleet/inventory/catalogue.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

struct Row {
  std::string key;
  const fleet::Model* model = nullptr;  ///< null where the catalogue does not have it
  double place = 0;                     ///< the catalogue's order, then that of the names
  std::set<std::string> names;
  std::optional<double> memory_bytes;
  std::uint64_t devices = 0;
  fleet::UtilizationSum utilization;
  bool supported = false;
};

constexpr SortColumn<Row> kSort[] = {
    {"place", [](const Row& r) { return SortValue(r.place); }},
    {"key", [](const Row& r) { return SortValue(r.key); }},
};

constexpr std::string_view kColumns[] = {"key",          "names",       "inCatalogue", "supported",       "status",
                                         "architecture", "memoryBytes", "migCapable",  "maxMigInstances", "deviceCount",
                                         "utilization",  "coverage"};

std::string_view status_of(const Row& row) {
  if (!row.model) return "unknown";
  return row.model->status == fleet::ModelStatus::EndOfLife ? "eol" : "current";
}

Json row_json(const Row& row) {
  constexpr double kGigabyte = 1e9;  // as sold
  const auto memory =
      row.memory_bytes || !row.model ? row.memory_bytes : std::optional(row.model->memory_gib * kGigabyte);
  return {{"key", row.key},
          {"names", row.names},
          {"inCatalogue", row.model != nullptr},
          {"supported", row.supported},
          {"status", status_of(row)},
          {"architecture", text_or_null(row.model ? row.model->architecture : "")},
          {"memoryBytes", bytes_or_null(memory)},
          {"migCapable", row.model ? Json(row.model->mig_max_slices > 0) : Json(nullptr)},
          {"maxMigInstances", row.model ? Json(row.model->mig_max_slices) : Json(nullptr)},
          {"deviceCount", row.devices},
          {"utilization", percent_of(row.utilization.device())},
          {"coverage", coverage_of(row.utilization.device())}};
}

}  // namespace

const Columns kModelColumns = kColumns;

Page list_models(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  const auto present = query.flag("present");
  const Pager<Row> pager(query, kSort, "", "place,key");
  if (!query.finish()) return {};
  std::map<std::string, Row> models;
  double place = 0;
  for (const fleet::Model& model : fleet::models()) {
    Row& row = models[std::string(model.key)];
    row.model = &model;
    row.place = place++;
  }
  for (const auto& node : known.view.nodes) {
    if (cluster && *cluster != node->cluster) continue;
    for (const fleet::Device& device : node->devices) {
      if (device.presence == fleet::Presence::Retired) continue;
      const auto [entry, fresh] = models.try_emplace(fleet::model_key_of(device.facts->name));
      Row& row = entry->second;
      if (fresh) row.place = place;
      if (!device.facts->name.empty()) row.names.insert(device.facts->name);
      if (const auto bytes = fleet::memory_total_bytes(device)) row.memory_bytes = bytes;
      ++row.devices;
      row.utilization.add(device);
    }
  }
  std::vector<Row> rows;
  for (auto& [key, row] : models) {
    if (present && *present != (row.devices > 0)) continue;
    row.key = key;
    row.supported = is_any(known.supported_models, key);
    rows.push_back(std::move(row));
  }
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) { into = row_json(rows[at]); };
  return page;
}

}  // namespace tessera::server
