#include "store/live.h"

#include <array>

#include "fleet/inventory/node_bytes.h"

namespace tessera::store {
namespace {

constexpr std::int64_t kEpochShift = 32;
constexpr std::int64_t kToldGone = 3600;  // versions: followers look each second

}  // namespace

LiveWriter::LiveWriter(Database& database, std::int64_t epoch) : database_(database), version_(epoch << kEpochShift) {}

// What an earlier leader has left: its nodes are gone unless this one knows them too.
Result<void> LiveWriter::take_up() {
  if (!first_) return {};
  written_.clear();
  return database_.each("SELECT cluster, node FROM live_node WHERE body IS NOT NULL", {},
                        [this](const Row& row) { written_[{row.text(0), row.text(1)}] = nullptr; });
}

Result<void> LiveWriter::write(const fleet::View& view) {
  TRY(take_up());
  const std::int64_t version = version_ + 1;
  std::vector<Value> rows;
  std::map<Key, std::shared_ptr<const fleet::Node>> now;
  for (const auto& node : view.nodes) {
    Key key{node->cluster, node->name};
    const auto known = written_.find(key);
    if (known == written_.end() || known->second != node)
      rows.insert(rows.end(), {node->cluster, node->name, version, Blob{fleet::to_bytes(*node)}});
    now.emplace(std::move(key), node);
  }
  for (const auto& [key, node] : written_)
    if (!now.contains(key)) rows.insert(rows.end(), {key.first, key.second, version, Value{}});
  TRY(database_.atomically([&]() -> Result<void> {
    TRY(database_.insert("INSERT INTO live_node (cluster, node, version, body)", 4, rows,
                         "ON CONFLICT (cluster, node) DO UPDATE SET version = excluded.version, body = excluded.body"));
    TRY(database_.run("DELETE FROM live_node WHERE body IS NULL AND version < ?", {version - kToldGone}));
    return database_.run("UPDATE live_view SET version = ?, time = ?", {version, view.time});
  }));
  version_ = version;
  first_ = false;
  written_ = std::move(now);
  return {};
}

Result<std::shared_ptr<const fleet::View>> LiveReader::read() {
  auto view = std::make_shared<fleet::View>();
  std::int64_t version = 0;
  TRY(database_.each("SELECT version, time FROM live_view WHERE id = 1", {}, [&](const Row& row) {
    version = row.integer(0).value_or(0);
    view->time = row.integer(1).value_or(0);
  }));
  if (version == version_) return std::shared_ptr<const fleet::View>();
  // What is gone is told for a while, and by the leader of that time: who was away for longer begins anew.
  const bool anew = (version >> kEpochShift) != (version_ >> kEpochShift) || version - version_ >= kToldGone;
  // The version is read first: what is written meanwhile comes now or with the next look, never not at all.
  const std::array<Value, 1> since = {anew ? 0 : version_};
  std::optional<Error> wrong;
  auto nodes = anew ? decltype(nodes_){} : nodes_;
  TRY(database_.each("SELECT cluster, node, body FROM live_node WHERE version > ?", since, [&](const Row& row) {
    Key key{row.text(0), row.text(1)};
    const std::string body = row.bytes(2);
    if (body.empty()) {
      nodes.erase(key);
      return;
    }
    auto node = fleet::node_from_bytes(body);
    if (!node)
      wrong = node.error();
    else
      nodes[std::move(key)] = std::make_shared<const fleet::Node>(*std::move(node));
  }));
  if (wrong) return fail(wrong->code, "database {}: live_node: {}", database_.shown(), wrong->what);
  nodes_ = std::move(nodes);
  version_ = version;
  for (const auto& [key, node] : nodes_) view->nodes.push_back(node);
  return std::shared_ptr<const fleet::View>(std::move(view));
}

std::int64_t LiveReader::epoch() const { return version_ >> kEpochShift; }

Result<std::optional<std::uint64_t>> position_of(Database& database, const std::string& journal) {
  std::optional<std::uint64_t> out;
  const std::array<Value, 1> values = {journal};
  TRY(database.each("SELECT journal_sequence FROM journal_progress WHERE journal = ?", values,
                    [&](const Row& row) { out = static_cast<std::uint64_t>(row.integer(0).value_or(0)); }));
  return out;
}

Result<void> hand_over(Database& database, const HandedOver& record) {
  return database.run(
      "INSERT INTO handed_over (journal, sequence, kind, body) VALUES (?, ?, ?, ?) ON CONFLICT (journal, sequence) DO "
      "NOTHING",
      {record.journal, static_cast<std::int64_t>(record.sequence), std::int64_t{record.kind}, Blob{record.body}});
}

Result<std::uint64_t> handed_over_count(Database& database) {
  std::uint64_t out = 0;
  TRY(database.each("SELECT COUNT(*) FROM handed_over", {},
                    [&](const Row& row) { out = static_cast<std::uint64_t>(row.integer(0).value_or(0)); }));
  return out;
}

Result<std::vector<HandedOver>> handed_over(Database& database, std::size_t most) {
  std::vector<HandedOver> out;
  const std::array<Value, 1> limit = {static_cast<std::int64_t>(most)};
  TRY(database.each("SELECT journal, sequence, kind, body FROM handed_over ORDER BY journal, sequence LIMIT ?", limit,
                    [&](const Row& row) {
                      out.push_back({row.text(0), static_cast<std::uint64_t>(row.integer(1).value_or(0)),
                                     static_cast<std::uint8_t>(row.integer(2).value_or(0)), row.bytes(3)});
                    }));
  return out;
}

Result<void> drop_handed_over(Database& database, const std::vector<HandedOver>& records) {
  return database.atomically([&]() -> Result<void> {
    for (const HandedOver& one : records)
      TRY(database.run("DELETE FROM handed_over WHERE journal = ? AND sequence = ?",
                       {one.journal, static_cast<std::int64_t>(one.sequence)}));
    return {};
  });
}

}  // namespace tessera::store
