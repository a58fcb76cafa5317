#include "store/database.h"

#include <sqlite3.h>

#include <map>
#include <utility>

#include "store/migrations.h"

namespace tessera::store {
namespace {

constexpr int kBusyMs = 10'000;  // another connection's transaction may take this long

struct CloseDatabase {
  void operator()(sqlite3* database) const noexcept { sqlite3_close_v2(database); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

Code code_of(int result) {
  switch (result & 0xFF) {
    case SQLITE_CONSTRAINT:
    case SQLITE_ERROR:
    case SQLITE_MISMATCH:
      return Code::Invalid;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
      return Code::Denied;
    default:
      return Code::Unavailable;
  }
}

struct Bind {
  sqlite3_stmt* statement;
  int at;
  int operator()(std::monostate) const { return sqlite3_bind_null(statement, at); }
  int operator()(std::int64_t value) const { return sqlite3_bind_int64(statement, at, value); }
  int operator()(double value) const { return sqlite3_bind_double(statement, at, value); }
  int operator()(const std::string& value) const {
    return sqlite3_bind_text64(statement, at, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
};

Value column(sqlite3_stmt* statement, int at) {
  switch (sqlite3_column_type(statement, at)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, at)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, at);
    default:
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, at));
      return std::string(text, static_cast<std::size_t>(sqlite3_column_bytes(statement, at)));
  }
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

struct Database::Impl {
  std::string url;
  std::unique_ptr<sqlite3, CloseDatabase> connection;
  std::map<std::string, Statement, std::less<>> statements;  ///< closed before the connection

  Error error(std::string_view what, int result) const {
    return fail(code_of(result), "database {}: {}: {} ({})", url, what, sqlite3_errmsg(connection.get()), result);
  }

  Result<void> script(const std::string& sql) {
    const int result = sqlite3_exec(connection.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) return error(sql.substr(0, 80), result);
    return {};
  }

  Result<sqlite3_stmt*> prepared(std::string_view sql) {
    const auto known = statements.find(sql);
    if (known != statements.end()) return known->second.get();
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v3(connection.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK) return error(sql, result);
    return statements.emplace(std::string(sql), Statement(statement)).first->second.get();
  }
};

Database::Database(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const std::string& url) {
  constexpr std::string_view kScheme = "sqlite:";
  if (!url.starts_with(kScheme)) return fail(Code::Invalid, "database '{}': sqlite:FILE expected", url);
  auto impl = std::make_unique<Impl>();
  impl->url = url;
  sqlite3* connection = nullptr;
  const int result = sqlite3_open_v2(url.c_str() + kScheme.size(), &connection,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  impl->connection.reset(connection);
  if (result != SQLITE_OK) return impl->error("open", result);
  sqlite3_busy_timeout(connection, kBusyMs);
  // With a write-ahead log, NORMAL loses at most the last transactions at a loss of power and never breaks the file:
  // what they were made of is in the journal, which is on the disk.
  TRY(impl->script("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;"));
  std::unique_ptr<Database> database(new Database(std::move(impl)));
  TRY(database->migrate());
  return database;
}

std::int64_t newest_version() { return migrations().back().version; }

Result<std::int64_t> Database::version() {
  std::int64_t version = 0;
  TRY(each("SELECT COALESCE(MAX(version), 0) FROM migration", {},
           [&](const Row& row) { version = row.integer(0).value_or(0); }));
  return version;
}

Result<void> Database::migrate() {
  TRY(run("CREATE TABLE IF NOT EXISTS migration (version BIGINT PRIMARY KEY)"));
  const std::int64_t at = TRY(version());
  if (at > newest_version())
    return fail(Code::Invalid,
                "database {}: its tables are of version {}, this program knows {} at most: run the newer program, or "
                "restore a backup",
                impl_->url, at, newest_version());
  const auto is_done = [&](const Value& number) -> Result<bool> {
    bool done = false;
    TRY(each("SELECT version FROM migration WHERE version = ?", {&number, 1}, [&](const Row&) { done = true; }));
    return done;
  };
  for (const Migration& one : migrations()) {
    if (TRY(is_done(one.version))) continue;
    TRY(atomically([&]() -> Result<void> {
      if (TRY(is_done(one.version))) return {};  // by another program, just now
      TRY(impl_->script(std::string(one.sql)));
      return run("INSERT INTO migration VALUES (?)", {one.version});
    }));
  }
  return {};
}

Result<void> Database::run(std::string_view sql, std::initializer_list<Value> values) {
  return each(sql, std::span<const Value>(values.begin(), values.size()), [](const Row&) {});
}

Result<void> Database::run(std::string_view sql, std::span<const Value> values) {
  return each(sql, values, [](const Row&) {});
}

Result<void> Database::each(std::string_view sql, std::span<const Value> values,
                            const std::function<void(const Row&)>& take) {
  sqlite3_stmt* statement = TRY(impl_->prepared(sql));
  struct Reset {
    sqlite3_stmt* statement;
    ~Reset() {
      sqlite3_reset(statement);
      sqlite3_clear_bindings(statement);
    }
  } const reset{statement};
  for (std::size_t i = 0; i < values.size(); ++i)
    if (const int result = std::visit(Bind{statement, static_cast<int>(i) + 1}, values[i]); result != SQLITE_OK)
      return impl_->error(sql, result);
  std::vector<Value> row;
  for (;;) {
    const int result = sqlite3_step(statement);
    if (result == SQLITE_DONE) return {};
    if (result != SQLITE_ROW) return impl_->error(sql, result);
    row.clear();
    for (int at = 0; at < sqlite3_column_count(statement); ++at) row.push_back(column(statement, at));
    take(Row(row));
  }
}

Result<void> Database::atomically(const std::function<Result<void>()>& work) {
  TRY(run("BEGIN IMMEDIATE"));
  auto done = work();
  if (done) done = run("COMMIT");
  if (!done) static_cast<void>(run("ROLLBACK"));  // the first error is what matters
  return done;
}

}  // namespace tessera::store
