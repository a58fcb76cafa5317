#include "store/live.h"

#include <fmt/format.h>

#include <array>

#include "fleet/view_bytes.h"

namespace tessera::store {
namespace {

constexpr std::int64_t kEpochShift = 32;
constexpr std::int64_t kToldGone = 3600;  // versions: followers look each second

/// A table that the leader tells by: cluster, name, version and body, which is NULL for what is gone.
struct LiveTable {
  std::string_view name;
  std::string_view key;  ///< the column of the name
};
constexpr LiveTable kNodes{"live_node", "node"};
constexpr LiveTable kEngines{"live_engine", "name"};

LiveKey key_of(const fleet::Node& node) { return {node.cluster, node.name}; }
LiveKey key_of(const fleet::Served& engine) { return {engine.cluster, fleet::engine_key(engine)}; }

template <class T>
LiveRows<T> by_key(const std::vector<std::shared_ptr<const T>>& all) {
  LiveRows<T> out;
  for (const auto& one : all) out.emplace(key_of(*one), one);
  return out;
}

/// What an earlier leader has left: it is gone unless this one knows it too.
template <class T>
Result<void> take_up(Database& database, const LiveTable& table, LiveRows<T>& into) {
  into.clear();
  return database.each(fmt::format("SELECT cluster, {} FROM {} WHERE body IS NOT NULL", table.key, table.name), {},
                       [&](const Row& row) { into[{row.text(0), row.text(1)}] = nullptr; });
}

template <class T>
std::vector<Value> changes(const LiveRows<T>& before, const LiveRows<T>& now, std::int64_t version) {
  std::vector<Value> rows;
  for (const auto& [key, one] : now) {
    const auto known = before.find(key);
    if (known == before.end() || known->second != one)
      rows.insert(rows.end(), {key.first, key.second, version, Blob{fleet::to_bytes(*one)}});
  }
  for (const auto& [key, one] : before)
    if (!now.contains(key)) rows.insert(rows.end(), {key.first, key.second, version, Value{}});
  return rows;
}

Result<void> write(Database& database, const LiveTable& table, const std::vector<Value>& rows, std::int64_t version) {
  TRY(database.insert(
      fmt::format("INSERT INTO {} (cluster, {}, version, body)", table.name, table.key), 4, rows,
      fmt::format("ON CONFLICT (cluster, {}) DO UPDATE SET version = excluded.version, body = excluded.body",
                  table.key)));
  return database.run(fmt::format("DELETE FROM {} WHERE body IS NULL AND version < ?", table.name),
                      {version - kToldGone});
}

/// What is newer than `since`, into `rows`.
template <class T>
Result<void> read(Database& database, const LiveTable& table, std::int64_t since, LiveRows<T>& rows,
                  Result<T> (*from_bytes)(std::string_view)) {
  std::optional<Error> wrong;
  const std::array<Value, 1> values = {since};
  TRY(database.each(fmt::format("SELECT cluster, {}, body FROM {} WHERE version > ?", table.key, table.name), values,
                    [&](const Row& row) {
                      LiveKey key{row.text(0), row.text(1)};
                      const std::string body = row.bytes(2);
                      if (body.empty()) {
                        rows.erase(key);
                        return;
                      }
                      auto one = from_bytes(body);
                      if (!one)
                        wrong = one.error();
                      else
                        rows[std::move(key)] = std::make_shared<const T>(*std::move(one));
                    }));
  if (wrong) return fail(wrong->code, "database {}: {}: {}", database.shown(), table.name, wrong->what);
  return {};
}

}  // namespace

LiveWriter::LiveWriter(Database& database, std::int64_t epoch) : database_(database), version_(epoch << kEpochShift) {}

Result<void> LiveWriter::take_up() {
  if (!first_) return {};
  TRY(store::take_up(database_, kNodes, nodes_));
  return store::take_up(database_, kEngines, engines_);
}

Result<void> LiveWriter::write(const Live& live) {
  TRY(take_up());
  const std::int64_t version = version_ + 1;
  auto nodes = by_key(live.view->nodes);
  auto engines = by_key(live.serving->engines);
  const auto node_rows = changes(nodes_, nodes, version);
  const auto engine_rows = changes(engines_, engines, version);
  TRY(database_.atomically([&]() -> Result<void> {
    TRY(store::write(database_, kNodes, node_rows, version));
    TRY(store::write(database_, kEngines, engine_rows, version));
    return database_.run("UPDATE live_view SET version = ?, time = ?", {version, live.view->time});
  }));
  version_ = version;
  first_ = false;
  nodes_ = std::move(nodes);
  engines_ = std::move(engines);
  return {};
}

Result<std::optional<Live>> LiveReader::read() {
  auto view = std::make_shared<fleet::View>();
  std::int64_t version = 0;
  TRY(database_.each("SELECT version, time FROM live_view WHERE id = 1", {}, [&](const Row& row) {
    version = row.integer(0).value_or(0);
    view->time = row.integer(1).value_or(0);
  }));
  if (version == version_) return std::optional<Live>();
  // What is gone is told for a while, and by the leader of that time: who was away for longer begins anew.
  const bool anew = (version >> kEpochShift) != (version_ >> kEpochShift) || version - version_ >= kToldGone;
  // The version is read first: what is written meanwhile comes now or with the next look, never not at all.
  const std::int64_t since = anew ? 0 : version_;
  auto nodes = anew ? decltype(nodes_){} : nodes_;
  auto engines = anew ? decltype(engines_){} : engines_;
  TRY(store::read(database_, kNodes, since, nodes, fleet::node_from_bytes));
  TRY(store::read(database_, kEngines, since, engines, fleet::engine_from_bytes));
  nodes_ = std::move(nodes);
  engines_ = std::move(engines);
  version_ = version;
  auto serving = std::make_shared<fleet::ServingView>();
  for (const auto& [key, node] : nodes_) view->nodes.push_back(node);
  for (const auto& [key, engine] : engines_) serving->engines.push_back(engine);
  return Live{std::move(view), std::move(serving)};
}

std::int64_t LiveReader::epoch() const { return version_ >> kEpochShift; }

Result<std::optional<Position>> position_of(Database& database, const std::string& journal) {
  std::optional<Position> out;
  const std::array<Value, 1> values = {journal};
  TRY(database.each("SELECT journal_sequence, counted_at FROM journal_progress WHERE journal = ?", values,
                    [&](const Row& row) {
                      out = {static_cast<std::uint64_t>(row.integer(0).value_or(0)), row.integer(1).value_or(0)};
                    }));
  return out;
}

Result<void> hand_over(Database& database, const HandedOver& record) {
  return database.run(
      "INSERT INTO handed_over (journal, sequence, kind, body, arrived, is_counted, is_last) VALUES (?, ?, ?, ?, ?, ?, "
      "?) ON CONFLICT (journal, sequence) DO NOTHING",
      {record.journal, static_cast<std::int64_t>(record.sequence), std::int64_t{record.kind}, Blob{record.body},
       record.arrived, std::int64_t{record.counted ? 1 : 0}, std::int64_t{record.last ? 1 : 0}});
}

Result<void> set_aside(Database& database, const std::string& journal, const std::string& name,
                       std::optional<std::uint64_t> sequence) {
  TRY(database.run("DELETE FROM journal_progress WHERE journal = ?", {name}));
  TRY(database.run(
      "INSERT INTO journal_progress (journal, journal_sequence, recall_sequence, counted_at) SELECT CAST(? "
      "AS TEXT), journal_sequence, recall_sequence, counted_at FROM journal_progress WHERE journal = ?",
      {name, journal}));
  TRY(database.run("UPDATE handed_over SET journal = ? WHERE journal = ?", {name, journal}));
  TRY(database.run("UPDATE leader SET predecessor = '' WHERE id = 1", {}));
  if (!sequence) return {};
  const auto at = static_cast<std::int64_t>(*sequence);
  return database.run("UPDATE progress SET journal_sequence = ?, recall_sequence = ?", {at, at});
}

Result<std::uint64_t> handed_over_bytes(Database& database) {
  std::uint64_t out = 0;
  TRY(database.each("SELECT CAST(COALESCE(SUM(LENGTH(body)), 0) AS BIGINT) FROM handed_over", {},
                    [&](const Row& row) { out = static_cast<std::uint64_t>(row.integer(0).value_or(0)); }));
  return out;
}

Result<std::vector<HandedOver>> handed_over(Database& database, const std::map<std::string, std::uint64_t>& known,
                                            std::size_t most) {
  std::vector<HandedOver> out;
  TRY(database.each("SELECT journal, sequence FROM handed_over ORDER BY journal, sequence", {}, [&](const Row& row) {
    HandedOver one;
    one.journal = row.text(0);
    one.sequence = static_cast<std::uint64_t>(row.integer(1).value_or(0));
    const auto before = known.find(one.journal);
    if (out.size() < most && (before == known.end() || before->second < one.sequence)) out.push_back(std::move(one));
  }));
  for (HandedOver& one : out) {
    const std::array<Value, 2> key = {one.journal, static_cast<std::int64_t>(one.sequence)};
    TRY(database.each(
        "SELECT kind, body, arrived, is_counted, is_last FROM handed_over WHERE journal = ? AND sequence = ?", key,
        [&](const Row& row) {
          one.kind = static_cast<std::uint8_t>(row.integer(0).value_or(0));
          one.body = row.bytes(1);
          one.arrived = row.integer(2).value_or(0);
          one.counted = row.integer(3) == 1;
          one.last = row.integer(4) == 1;
        }));
  }
  return out;
}

}  // namespace tessera::store
