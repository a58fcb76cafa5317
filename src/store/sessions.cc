#include "store/sessions.h"

#include <fmt/format.h>

#include <utility>

namespace tessera::store {
namespace {

constexpr std::int64_t kWhole = -1;

std::int64_t part(const std::optional<unsigned>& id) { return id ? std::int64_t{*id} : kWhole; }
std::optional<unsigned> part(std::int64_t id) {
  return id == kWhole ? std::nullopt : std::optional(static_cast<unsigned>(id));
}

/// What the two tables have in common.
constexpr std::string_view kColumns =
    "cluster, device_uuid, gpu_instance, compute_instance, pid, node, device_id, command, type, attribution, "
    "namespace, pod, container, pod_uid, process_start, first_seen, peak_memory_bytes, utilization_sum, "
    "utilization_samples";
constexpr std::size_t kCommon = 19;

/// In the order of the columns. `Where` is fleet::Running or fleet::Ended.
template <class Where>
void append_common(std::vector<Value>& to, const Where& one) {
  const fleet::Session& session = one.session;
  const fleet::SessionFacts& facts = *session.facts;
  to.insert(to.end(),
            {one.cluster, one.device_uuid, part(session.part.gpu_instance), part(session.part.compute_instance),
             std::int64_t{facts.pid}, one.node, one.device_id, facts.command, facts.type, facts.attribution,
             facts.workload.space, facts.workload.pod, facts.workload.container, facts.workload.pod_uid,
             value_or_null(session.start), session.first_seen, value_or_null(session.peak_memory_bytes),
             session.util_sum, std::int64_t{session.util_samples}});
}

/// Behind what they have in common: the end of the one, and when the other was seen last.
fleet::Running read(const Row& row) {
  fleet::Running one;
  fleet::SessionFacts facts;
  one.cluster = row.text(0);
  one.device_uuid = row.text(1);
  one.session.part = {part(row.integer(2).value_or(kWhole)), part(row.integer(3).value_or(kWhole))};
  facts.pid = static_cast<unsigned>(row.integer(4).value_or(0));
  one.node = row.text(5);
  one.device_id = row.text(6);
  facts.command = row.text(7);
  facts.type = row.text(8);
  facts.attribution = row.text(9);
  facts.workload = {row.text(10), row.text(11), row.text(12), row.text(13)};
  one.session.start = row.integer(14);
  one.session.first_seen = row.integer(15).value_or(0);
  if (const auto peak = row.integer(16)) one.session.peak_memory_bytes = static_cast<std::uint64_t>(*peak);
  one.session.util_sum = row.real(17).value_or(0);
  one.session.util_samples = static_cast<std::uint32_t>(row.integer(18).value_or(0));
  one.session.last_seen = row.integer(kCommon).value_or(0);
  one.session.facts = std::make_shared<const fleet::SessionFacts>(std::move(facts));
  return one;
}

/// What follows `WHERE 1 = 1`.
struct Conditions {
  std::string sql;
  std::vector<Value> values;

  explicit Conditions(const SessionFilter& filter) {
    if (filter.from) add("ended >= ?", {*filter.from});
    if (filter.to) add("first_seen <= ?", {*filter.to});
    if (filter.cluster) add("cluster = ?", {*filter.cluster});
    any({"node"}, filter.nodes);
    any({"device_uuid", "device_id"}, filter.devices);
    any({"namespace"}, filter.spaces);
    if (!filter.pod.empty()) any({"pod", "pod_uid"}, {filter.pod});
    any({"attribution"}, filter.attributions);
    has({"command"}, filter.command);
    has({"command", "namespace", "pod", "device_uuid", "device_id"}, filter.search);
  }

  void add(std::string_view condition, std::vector<Value> of) {
    sql += fmt::format(" AND ({})", condition);
    for (Value& value : of) values.push_back(std::move(value));
  }

  /// One of the columns is one of the words.
  void any(std::initializer_list<std::string_view> columns, const std::vector<std::string>& words) {
    if (words.empty()) return;
    std::string condition;
    std::vector<Value> of;
    for (const std::string_view column : columns)
      for (const std::string& word : words) {
        condition += fmt::format("{}{} = ?", condition.empty() ? "" : " OR ", column);
        of.emplace_back(word);
      }
    add(condition, std::move(of));
  }

  /// One of the columns has the text in it.
  void has(std::initializer_list<std::string_view> columns, const std::string& text) {
    if (text.empty()) return;
    std::string pattern = "%";
    for (const char c : text) {
      if (c == '%' || c == '_' || c == '!') pattern += '!';
      pattern += c;
    }
    pattern += '%';
    std::string condition;
    std::vector<Value> of;
    for (const std::string_view column : columns) {
      condition += fmt::format("{}LOWER({}) LIKE ? ESCAPE '!'", condition.empty() ? "" : " OR ", column);
      of.emplace_back(pattern);
    }
    add(condition, std::move(of));
  }

  void behind(const SessionPlace& place) {
    const std::pair<std::string_view, Value> kKey[] = {{"ended", place.ended},
                                                       {"cluster", place.cluster},
                                                       {"device_uuid", place.device_uuid},
                                                       {"gpu_instance", place.gpu_instance},
                                                       {"compute_instance", place.compute_instance},
                                                       {"pid", place.pid},
                                                       {"started", place.started}};
    std::string condition, same;
    std::vector<Value> of, before;
    for (const auto& [column, value] : kKey) {
      condition +=
          fmt::format("{}({}{} {} ?)", condition.empty() ? "" : " OR ", same, column, column == "ended" ? '<' : '>');
      of.insert(of.end(), before.begin(), before.end());
      of.push_back(value);
      same += fmt::format("{} = ? AND ", column);
      before.push_back(value);
    }
    add(condition, std::move(of));
  }
};

}  // namespace

Result<void> write_session(Database& database, const fleet::Ended& one) {
  constexpr std::string_view kTail =
      "ON CONFLICT (cluster, device_uuid, gpu_instance, compute_instance, pid, started) DO UPDATE SET "
      // Of the same time: the fuller of the two. Of a later one: more of it.
      "utilization_sum = CASE WHEN excluded.first_seen > session.ended THEN session.utilization_sum + "
      "excluded.utilization_sum WHEN excluded.utilization_samples > session.utilization_samples THEN "
      "excluded.utilization_sum ELSE session.utilization_sum END, "
      "utilization_samples = CASE WHEN excluded.first_seen > session.ended THEN session.utilization_samples + "
      "excluded.utilization_samples WHEN excluded.utilization_samples > session.utilization_samples THEN "
      "excluded.utilization_samples ELSE session.utilization_samples END, "
      "ended = GREATEST(session.ended, excluded.ended), "
      "first_seen = LEAST(session.first_seen, excluded.first_seen), "
      "peak_memory_bytes = GREATEST(session.peak_memory_bytes, excluded.peak_memory_bytes)";
  std::vector<Value> values;
  append_common(values, one);
  values.insert(values.end(), {one.end, one.session.start.value_or(one.session.first_seen)});
  return database.insert(fmt::format("INSERT INTO session ({}, ended, started)", kColumns), kCommon + 2, values, kTail);
}

SessionPlace place_of(const fleet::Ended& one) {
  return {one.end,
          one.cluster,
          one.device_uuid,
          part(one.session.part.gpu_instance),
          part(one.session.part.compute_instance),
          std::int64_t{one.session.facts->pid},
          one.session.start.value_or(one.session.first_seen)};
}

Result<std::vector<fleet::Ended>> past_sessions(Database& database, const SessionFilter& filter, std::size_t limit,
                                                const std::optional<SessionPlace>& after) {
  Conditions where(filter);
  if (after) where.behind(*after);
  std::vector<fleet::Ended> out;
  TRY(database.each(
      fmt::format(
          "SELECT {}, ended FROM session WHERE 1 = 1{} ORDER BY ended DESC, cluster, device_uuid, gpu_instance, "
          "compute_instance, pid, started LIMIT {}",
          kColumns, where.sql, limit),
      where.values, [&](const Row& row) {
        fleet::Running one = read(row);
        const EpochMs end = one.session.last_seen;
        out.push_back({std::move(one.cluster), std::move(one.node), std::move(one.device_uuid),
                       std::move(one.device_id), std::move(one.session), end});
      }));
  return out;
}

Result<std::uint64_t> count_sessions(Database& database, const SessionFilter& filter) {
  const Conditions where(filter);
  std::uint64_t out = 0;
  TRY(database.each("SELECT COUNT(*) FROM session WHERE 1 = 1" + where.sql, where.values,
                    [&](const Row& row) { out = static_cast<std::uint64_t>(row.integer(0).value_or(0)); }));
  return out;
}

Result<std::uint64_t> drop_sessions_before(Database& database, EpochMs time) {
  return database.change("DELETE FROM session WHERE ended < ?", {time});
}

Result<void> write_running(Database& database, const RunningChanges& changes) {
  constexpr std::size_t kColumnsOfOne = kCommon + 3;
  const std::string head = fmt::format("INSERT INTO running_session ({}, last_seen, utilization_until, id)", kColumns);
  // Who it is never changes under a number.
  constexpr std::string_view kTail =
      "ON CONFLICT (id) DO UPDATE SET node = excluded.node, device_id = excluded.device_id, type = excluded.type, "
      "attribution = excluded.attribution, process_start = excluded.process_start, peak_memory_bytes = "
      "excluded.peak_memory_bytes, utilization_sum = excluded.utilization_sum, utilization_samples = "
      "excluded.utilization_samples, last_seen = excluded.last_seen, utilization_until = excluded.utilization_until";
  constexpr std::size_t kAtOnce = 1'000;  // of a hundred thousand: their values take room too
  std::vector<Value> values;
  for (std::size_t at = 0; at < changes.now.size(); ++at) {
    const auto& [id, one] = changes.now[at];
    append_common(values, one);
    values.insert(values.end(), {one.session.last_seen, one.session.util_until, id});
    if ((at + 1) % kAtOnce != 0 && at + 1 < changes.now.size()) continue;
    TRY(database.insert(head, kColumnsOfOne, values, kTail));
    values.clear();
  }
  for (const std::int64_t id : changes.gone) TRY(database.run("DELETE FROM running_session WHERE id = ?", {id}));
  return {};
}

Result<std::vector<RunningSession>> running_sessions(Database& database) {
  std::vector<RunningSession> out;
  TRY(database.each(
      fmt::format("SELECT {}, last_seen, utilization_until, id FROM running_session ORDER BY last_seen DESC, id DESC",
                  kColumns),
      {}, [&](const Row& row) {
        fleet::Running one = read(row);
        one.session.util_until = row.integer(kCommon + 1).value_or(0);
        out.push_back({row.integer(kCommon + 2).value_or(0), std::move(one)});
      }));
  return out;
}

}  // namespace tessera::store
