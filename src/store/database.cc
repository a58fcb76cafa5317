#include "store/database.h"

#include <algorithm>
#include <set>
#include <utility>

#include "store/connection.h"
#include "store/migrations.h"

namespace tessera::store {
namespace {

struct Kind {
  std::string_view scheme;
  bool shared;
  Result<std::unique_ptr<Connection>> (*open)(const std::string&, const DatabaseOptions&);
};
constexpr Kind kKinds[] = {
    {"sqlite:", false, [](const std::string& url, const DatabaseOptions&) { return open_sqlite(url); }},
    {"postgresql://", true, open_postgres},
    {"postgres://", true, open_postgres},
    {"odbc:", false, open_odbc},
};

const Kind* kind_of(std::string_view url) {
  const auto* kind = std::ranges::find_if(kKinds, [&](const Kind& one) { return url.starts_with(one.scheme); });
  return kind == std::end(kKinds) ? nullptr : kind;
}

}  // namespace

std::optional<std::int64_t> Row::integer(std::size_t column) const {
  const auto* value = std::get_if<std::int64_t>(&values_[column]);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<double> Row::real(std::size_t column) const {
  if (const auto whole = integer(column)) return static_cast<double>(*whole);
  const auto* value = std::get_if<double>(&values_[column]);
  return value ? std::optional(*value) : std::nullopt;
}

std::string Row::text(std::size_t column) const {
  const auto* value = std::get_if<std::string>(&values_[column]);
  return value ? *value : std::string();
}

std::string Row::bytes(std::size_t column) const {
  const auto* value = std::get_if<Blob>(&values_[column]);
  return value ? value->bytes : std::string();
}

Result<void> check_url(const std::string& url) {
  if (kind_of(url)) return {};
  // What it begins with is enough to see what was meant; behind it a password may stand.
  return fail(Code::Invalid, "database '{}…': sqlite:FILE, postgresql://USER@HOST:PORT/NAME or odbc:DSN=NAME expected",
              url.substr(0, std::min(url.find("//"), url.find(':')) + 1));
}

bool is_shared(const std::string& url) {
  const Kind* kind = kind_of(url);
  return kind && kind->shared;
}

Database::Database(std::unique_ptr<Connection> connection, std::size_t batch_rows)
    : connection_(std::move(connection)), batch_rows_(batch_rows) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& url, const DatabaseOptions& options) {
  TRY(check_url(url));
  auto connection = TRY(kind_of(url)->open(url, options));
  std::unique_ptr<Database> database(new Database(std::move(connection), options.batch_rows));
  if (options.migrate) TRY(database->migrate());
  return database;
}

const Dialect& Database::dialect() const { return connection_->dialect(); }
const std::string& Database::shown() const { return connection_->shown(); }

std::int64_t newest_version() { return migrations().back().version; }

Result<std::optional<std::int64_t>> unknown_migration(Database& database) {
  std::optional<std::int64_t> out;
  TRY(database.each("SELECT version FROM migration", {}, [&](const Row& row) {
    const std::int64_t done = row.integer(0).value_or(0);
    const auto all = migrations();
    if (std::ranges::find(all, done, &Migration::version) == all.end()) out = std::max(out.value_or(done), done);
  }));
  return out;
}

Result<std::int64_t> Database::version() {
  std::int64_t version = 0;
  TRY(each("SELECT COALESCE(MAX(version), 0) FROM migration", {},
           [&](const Row& row) { version = row.integer(0).value_or(0); }));
  return version;
}

// Whatever has not been done is done, by number: numbers may come later than higher ones.
Result<void> Database::migrate() {
  const std::string_view dialect = connection_->dialect().name, alone = connection_->dialect().migrating;
  const auto make_room = [&] { return run("CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY)"); };
  if (alone.empty())
    TRY(make_room());
  else  // PostgreSQL says that it exists, but not where two do it at once
    TRY(atomically([&]() -> Result<void> {
      TRY(connection_->script(std::string(alone)));
      return make_room();
    }));
  const auto all = migrations();
  std::set<std::int64_t> done;
  const auto look = [&]() -> Result<void> {
    TRY(each("SELECT version FROM migration", {}, [&](const Row& row) { done.insert(row.integer(0).value_or(0)); }));
    if (const auto unknown = TRY(unknown_migration(*this)))
      return fail(Code::Invalid,
                  "database {}: its tables have had migration {}, which this program does not have (its newest is {}): "
                  "run the newer program, or restore a backup",
                  shown(), *unknown, newest_version());
    return {};
  };
  TRY(look());
  for (const Migration& one : all) {
    const bool own = std::ranges::any_of(
        all, [&](const Migration& other) { return other.version == one.version && other.dialect == dialect; });
    if (done.contains(one.version) || one.dialect != (own ? dialect : std::string_view())) continue;
    TRY(atomically([&]() -> Result<void> {
      if (!alone.empty()) TRY(connection_->script(std::string(alone)));
      TRY(look());  // another server may have been first
      if (done.contains(one.version)) return {};
      TRY(connection_->script(std::string(one.sql)));
      return run("INSERT INTO migration VALUES (?)", {one.version});
    }));
  }
  return {};
}

Result<void> Database::run(std::string_view sql, std::initializer_list<Value> values) {
  return run(sql, std::span<const Value>(values.begin(), values.size()));
}

Result<void> Database::run(std::string_view sql, std::span<const Value> values) {
  TRY(write(sql, values));
  return {};
}

Result<std::uint64_t> Database::change(std::string_view sql, std::initializer_list<Value> values) {
  return write(sql, std::span<const Value>(values.begin(), values.size()));
}

Result<std::uint64_t> Database::write(std::string_view sql, std::span<const Value> values) {
  std::uint64_t changed = 0;
  const auto work = [&]() -> Result<void> {
    changed = TRY(connection_->each(sql, values, [](const Row&) {}));
    return {};
  };
  if (guard_ && !within_) {
    TRY(atomically(work));
  } else {
    if (!within_) TRY(connection_->ready());
    TRY(work());
  }
  return changed;
}

Result<void> Database::each(std::string_view sql, std::span<const Value> values,
                            const std::function<void(const Row&)>& take) {
  if (!within_) TRY(connection_->ready());
  TRY(connection_->each(sql, values, take));
  return {};
}

Result<void> Database::insert(std::string_view head, std::size_t columns, std::span<const Value> values,
                              std::string_view tail) {
  if (values.empty()) return {};
  if (!within_) return atomically([&] { return insert(head, columns, values, tail); });
  const bool done = TRY(connection_->insert(head, columns, values, tail));
  return done ? Result<void>() : insert_by_statements(head, columns, values, tail);
}

Result<void> Database::insert_by_statements(std::string_view head, std::size_t columns, std::span<const Value> values,
                                            std::string_view tail) {
  // psqlodbc's work for a statement grows with the square of its values: 7,000 take seconds. Every database takes this
  // many, and more of them at once are hardly faster.
  constexpr std::size_t kMostValues = 1'000;
  const std::size_t rows = values.size() / columns, most = std::min(batch_rows_, kMostValues / columns);
  for (std::size_t at = 0; at < rows;) {
    // Whole batches and single rows: two statements to prepare, not one for each number of rows.
    const std::size_t now = rows - at >= most ? most : 1;
    std::string sql(head);
    sql += " VALUES ";
    for (std::size_t row = 0; row < now; ++row) {
      sql += row == 0 ? "(" : ", (";
      for (std::size_t column = 0; column < columns; ++column) sql += column == 0 ? "?" : ", ?";
      sql += ')';
    }
    if (!tail.empty()) sql.append(" ").append(tail);
    TRY(run(sql, values.subspan(at * columns, now * columns)));
    at += now;
  }
  return {};
}

Result<void> Database::atomically(const std::function<Result<void>()>& work) {
  TRY(connection_->ready());
  TRY(connection_->each(connection_->dialect().begin, {}, [](const Row&) {}));
  within_ = true;
  auto done = work();
  if (done && guard_) done = guard_(*this);
  if (done)
    if (const auto committed = connection_->each("COMMIT", {}, [](const Row&) {}); !committed) done = committed.error();
  if (!done) static_cast<void>(connection_->each("ROLLBACK", {}, [](const Row&) {}));  // the first error counts
  within_ = false;
  return done;
}

}  // namespace tessera::store
