// What a device was cut into, as intervals of time.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "fleet/inventory/catalogue.h"
#include "fleet/inventory/parts.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/history.h"
#include "server/paging.h"
#include "store/devices.h"

namespace tessera::server {
namespace {

using Row = store::LayoutInterval;

constexpr SortColumn<Row> kSort[] = {
    {"began", [](const Row& r) { return SortValue(static_cast<double>(r.began)); }},
};
constexpr std::string_view kColumns[] = {"began", "ended", "migEnabled", "instances"};

Json layout_json(const Row& row, const std::string& model) {
  Json out = {{"began", time_json(row.began)},
              {"ended", time_or_null(row.ended)},
              {"migEnabled", row.layout.mig},
              {"instances", Json::array()}};
  for (const auto& [part, facts] : row.layout.instances)
    out["instances"].push_back({{"gi", or_null(part.gpu_instance)},
                                {"ci", or_null(part.compute_instance)},
                                {"profile", text_or_null(facts->profile)},
                                {"profileKey", text_or_null(fleet::profile_key(model, facts->profile).value_or(""))},
                                {"placement", facts->placement ? placement_json(*facts->placement) : Json(nullptr)}});
  return out;
}

}  // namespace

const Columns kLayoutColumns = kColumns;

Page list_layouts(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  const TimeRange range = read_range(query, known.view.time, known.history.retention.hour);
  const Pager<Row> pager(query, kSort, "", "began");
  if (!query.finish()) return {};
  const auto found = find_past_device(known, query, query.path("deviceId"), cluster);
  if (!found) return {};
  if (known.viewer.restricted() && fleet::is_cut(*found->device)) {
    refuse_whole_board(query, known.viewer);
    return {};
  }
  // Before that it was others', or nobody's.
  const EpochMs had_since = known.viewer.restricted() ? fleet::first_had(*found->device) : 0;
  std::vector<Row> rows;
  if (!ask(known.history, query, [&](store::Database& database) -> Result<void> {
        rows = TRY(store::layouts_of(database, found->node->cluster, found->device->facts->uuid, range.from, range.to));
        if (!known.viewer.restricted()) return {};
        // What it was cut into told of others, whenever that was.
        std::erase_if(rows, [&](const Row& row) { return range.to <= had_since || !row.layout.instances.empty(); });
        for (Row& row : rows) row.began = std::max(row.began, had_since);
        return {};
      }))
    return {};
  Page page;
  page.about = {{"deviceId", fleet::device_id(found->node->name, found->device->facts->index)},
                {"deviceUuid", found->device->facts->uuid},
                {"cluster", found->node->cluster}};
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows), model = fleet::model_key_of(found->device->facts->name)](
                 std::size_t at, Json& into) { into = layout_json(rows[at], model); };
  return page;
}

}  // namespace tessera::server
