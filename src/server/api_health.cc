#include <nlohmann/json.hpp>

#include "server/api.h"
#include "server/api_rows.h"
#include "server/paging.h"

namespace tessera::server {
namespace {

struct Row {
  const fleet::Node* node;
  const fleet::Device* device;
  fleet::Problem problem;
};

// The worst first, then what was seen last.
constexpr SortColumn<Row> kSort[] = {
    {"severity", [](const Row& r) { return SortValue(-static_cast<double>(r.problem.severity)); }},
    {"lastSeen", [](const Row& r) { return SortValue(-static_cast<double>(r.device->last_seen)); }},
    {"cluster", [](const Row& r) { return SortValue(r.node->cluster); }},
    {"deviceUuid", [](const Row& r) { return SortValue(r.device->facts->uuid); }},
    {"key", [](const Row& r) { return SortValue(r.problem.key); }},
};

constexpr std::string_view kColumns[] = {"id",      "cluster", "node",  "deviceId", "deviceUuid", "kind",    "severity",
                                         "summary", "advice",  "value", "unit",     "since",      "lastSeen"};

}  // namespace

const Columns kHealthColumns = kColumns;

Page list_health(const Known& known, Query& query) {
  const DeviceFilter filter{
      .cluster = query.text("cluster"), .nodes = query.texts("nodeName"), .devices = query.texts("deviceId")};
  auto severities = query.words("severity", severity_names());
  if (severities.empty())
    severities = {static_cast<std::size_t>(fleet::Severity::Critical),
                  static_cast<std::size_t>(fleet::Severity::Warning)};
  const auto kinds = fleet::problem_kinds();
  const auto wanted = query.words("kind", kinds);
  const Pager<Row> pager(query, kSort, "", "severity,lastSeen,cluster,deviceUuid,key");
  if (!query.finish()) return {};
  std::vector<Row> rows;
  for (const auto& node : known.view.nodes) {
    if (!filter.wants(*node)) continue;
    for (const fleet::Device& device : node->devices) {
      if (!filter.wants(*node, device)) continue;
      for (const fleet::Problem& problem : fleet::problems_of(device)) {
        const auto kind = static_cast<std::size_t>(std::ranges::find(kinds, problem.kind) - kinds.begin());
        if (is_one(severities, problem.severity) && is_any(wanted, kind))
          rows.push_back({node.get(), &device, problem});
      }
    }
  }
  Page page;
  page.total = rows.size();
  page.next_cursor = pager.cut(rows);
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) {
    into = finding_json(*rows[at].node, *rows[at].device, rows[at].problem);
  };
  return page;
}

}  // namespace tessera::server
