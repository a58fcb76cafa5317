// When a device had XIDs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "fleet/inventory/parts.h"
#include "fleet/inventory/xids.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/history.h"
#include "server/paging.h"
#include "store/xids.h"

namespace tessera::server {
namespace {

constexpr std::size_t kMost = 10'000;  // of a board that never stops there would be a million a year

using Row = fleet::XidsSeen;

constexpr SortColumn<Row> kSort[] = {
    {"time", [](const Row& r) { return SortValue(static_cast<double>(r.time)); }},
    {"code", [](const Row& r) { return SortValue(static_cast<double>(r.code)); }},
};
constexpr std::string_view kColumns[] = {"time", "code", "count", "meaning", "blame"};

}  // namespace

const Columns kXidColumns = kColumns;

Json xid_json(unsigned code, Json count) {
  const fleet::Xid xid = fleet::xid_of(code);
  return {{"code", code},
          {"count", std::move(count)},
          {"meaning", text_or_null(xid.meaning)},
          {"blame", fleet::blame_name(xid.blame)}};
}

Page list_xids(const Known& known, Query& query) {
  const auto cluster = query.text("cluster");
  const TimeRange range = read_range(query, known.view.time, known.history.retention.hour);
  const Pager<Row> pager(query, kSort, "-time,code", "code");
  if (!query.finish()) return {};
  const auto found = find_past_device(known, query, query.path("deviceId"), cluster);
  if (!found) return {};
  // A program's fault is its owner's alone; before he had the device, the board's was none of his.
  const bool restricted = known.viewer.restricted();
  const EpochMs from = restricted ? std::max(range.from, fleet::first_had(*found->device)) : range.from;
  std::optional<std::vector<unsigned>> codes;
  if (restricted) codes = fleet::codes_of(fleet::Blame::Device);
  std::vector<Row> rows;
  if (!ask(known.history, query, [&](store::Database& database) -> Result<void> {
        rows = TRY(
            store::xids_of(database, found->node->cluster, found->device->facts->uuid, from, range.to, kMost, codes));
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
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) {
    into = {{"time", time_json(rows[at].time)}};
    into.update(xid_json(rows[at].code, rows[at].events));
  };
  return page;
}

}  // namespace tessera::server
