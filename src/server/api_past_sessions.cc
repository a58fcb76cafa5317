// Sessions that have ended, from the database, alone or with those that run.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "server/api.h"
#include "server/api_rows.h"
#include "server/history.h"
#include "server/paging.h"
#include "store/sessions.h"

namespace tessera::server {
namespace {

using store::SessionFilter;
using store::SessionPlace;

/// One that runs is here as one that ends with its last sample.
struct Row {
  fleet::Ended session;
  const fleet::Node* node = nullptr;  ///< of one that runs
  const fleet::Device* device = nullptr;
};

const std::vector<ColumnName> kKey = {{"lastSeen", ""}, {"cluster", ""}, {"deviceUuid", ""}, {"gi", ""},
                                      {"ci", ""},       {"pid", ""},     {"started", ""}};
constexpr std::string_view kOrder = "-lastSeen,cluster,deviceUuid,gi,ci,pid,started";

std::vector<SortValue> key_of(const SessionPlace& place) {
  const auto number = [](std::int64_t value) { return SortValue(static_cast<double>(value)); };
  return {number(place.ended),        SortValue(place.cluster),       SortValue(place.device_uuid),
          number(place.gpu_instance), number(place.compute_instance), number(place.pid),
          number(place.started)};
}

SessionPlace place_in(const std::vector<SortValue>& key) {
  const auto number = [&](std::size_t at) { return static_cast<std::int64_t>(key[at].number); };
  return {number(0), std::string(key[1].text), std::string(key[2].text), number(3), number(4), number(5), number(6)};
}

bool before(const SessionPlace& a, const SessionPlace& b) {
  const auto rest = [](const SessionPlace& one) {
    return std::tie(one.cluster, one.device_uuid, one.gpu_instance, one.compute_instance, one.pid, one.started);
  };
  return a.ended != b.ended ? a.ended > b.ended : rest(a) < rest(b);
}

/// What the database does with those that have ended.
bool matches(const SessionFilter& filter, const fleet::Ended& one) {
  const fleet::SessionFacts& facts = *one.session.facts;
  const fleet::Workload& of = facts.workload;
  const auto found = [&](std::string_view text) { return has_text(text, filter.search); };
  return (!filter.from || one.end >= *filter.from) && (!filter.to || one.session.first_seen <= *filter.to) &&
         (!filter.cluster || one.cluster == *filter.cluster) && is_any(filter.nodes, one.node) &&
         (filter.devices.empty() || is_any(filter.devices, one.device_uuid) || is_any(filter.devices, one.device_id)) &&
         is_any(filter.spaces, of.space) && (filter.pod.empty() || of.pod == filter.pod || of.pod_uid == filter.pod) &&
         has_text(facts.command, filter.command) && is_any(filter.attributions, facts.attribution) &&
         (filter.search.empty() || found(facts.command) || found(of.space) || found(of.pod) || found(one.device_uuid) ||
          found(one.device_id));
}

std::vector<Row> running(const Known& known, const SessionFilter& filter) {
  std::vector<Row> out;
  for (const auto& node : known.view.nodes)
    for (const fleet::Device& device : node->devices)
      for (const fleet::Session& session : device.sessions) {
        Row row{{node->cluster, node->name, device.facts->uuid, fleet::device_id(node->name, device.facts->index),
                 session, session.last_seen},
                node.get(),
                &device};
        if (matches(filter, row.session)) out.push_back(std::move(row));
      }
  return out;
}

std::string id_of(const Row& row) {
  return fleet::session_id(row.session.cluster, row.session.device_uuid, row.session.session);
}

/// One that was silent for so long that it counted as ended, and is heard again, has not ended. Returns how many.
std::size_t drop_those_that_run(std::vector<Row>& ended, const std::vector<Row>& live) {
  std::set<std::string> ids;
  for (const Row& row : live) ids.insert(id_of(row));
  return std::erase_if(ended, [&](const Row& row) { return ids.contains(id_of(row)); });
}

Json row_json(const Row& row) {
  if (row.device) return session_json(*row.node, *row.device, row.session.session);
  const fleet::Ended& one = row.session;
  fleet::Node node;
  node.cluster = one.cluster;
  node.name = one.node;
  fleet::DeviceFacts facts;
  facts.uuid = one.device_uuid;
  fleet::Device device;
  device.facts = std::make_shared<const fleet::DeviceFacts>(std::move(facts));
  Json out = session_json(node, device, one.session);
  out["deviceId"] = one.device_id;
  out["holds"] = nullptr;
  out["lastSeen"] = time_json(one.end);
  out["endTime"] = time_json(one.end);
  return out;
}

}  // namespace

Page list_past_sessions(const Known& known, Query& query, SessionFilter filter, bool with_running) {
  filter.spaces = known.viewer.visible(filter.spaces);
  if (query.text("sort")) query.fault("sort", "past sessions come in one order, the latest end first: leave it out");
  const Paging paging = read_paging(query, kKey, "", kOrder);
  if (!query.finish()) return {};
  const auto after = paging.has_after ? std::optional(place_in(paging.after)) : std::nullopt;
  std::vector<Row> rows;
  Page page;
  if (!ask(known.history, query, [&](store::Database& database) -> Result<void> {
        page.total = TRY(store::count_sessions(database, filter));
        for (fleet::Ended& one : TRY(store::past_sessions(database, filter, paging.limit + 1, after)))
          rows.push_back({std::move(one), nullptr, nullptr});
        return {};
      }))
    return {};
  if (with_running) {
    std::vector<Row> live = running(known, filter);
    page.total += live.size();
    page.total -= drop_those_that_run(rows, live);
    for (Row& row : live)
      if (!after || before(*after, store::place_of(row.session))) rows.push_back(std::move(row));
  }
  std::ranges::sort(rows, before, [](const Row& row) { return store::place_of(row.session); });
  if (rows.size() > paging.limit) {
    rows.resize(paging.limit);
    const SessionPlace last = store::place_of(rows.back().session);
    page.next_cursor = cursor_of(paging, key_of(last));
  }
  page.rows = rows.size();
  page.row = [rows = std::move(rows)](std::size_t at, Json& into) { into = row_json(rows[at]); };
  return page;
}

}  // namespace tessera::server
