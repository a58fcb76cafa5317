// SQLite, one file, with a write-ahead log.
#include <sqlite3.h>

#include <map>
#include <utility>

#include "store/connection.h"

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
      return Code::Internal;
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
  int operator()(const Blob& value) const {
    return sqlite3_bind_blob64(statement, at, value.bytes.data(), value.bytes.size(), SQLITE_TRANSIENT);
  }
};

Value column(sqlite3_stmt* statement, int at) {
  const auto bytes = [&](const void* begin) {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, at));
    return size == 0 ? std::string() : std::string(static_cast<const char*>(begin), size);
  };
  switch (sqlite3_column_type(statement, at)) {
    case SQLITE_NULL:
      return {};
    case SQLITE_INTEGER:
      return std::int64_t{sqlite3_column_int64(statement, at)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, at);
    case SQLITE_BLOB:
      return Blob{bytes(sqlite3_column_blob(statement, at))};
    default:
      return bytes(sqlite3_column_text(statement, at));
  }
}

/// GREATEST and LEAST as PostgreSQL has them: NULL is passed over. (SQLite's own MAX and MIN of several are NULL then.)
template <int kSign>
void pick(sqlite3_context* context, int count, sqlite3_value** values) {
  sqlite3_value* best = nullptr;
  const auto less = [](sqlite3_value* a, sqlite3_value* b) {
    if (sqlite3_value_type(a) == SQLITE_TEXT && sqlite3_value_type(b) == SQLITE_TEXT)
      return std::string_view(reinterpret_cast<const char*>(sqlite3_value_text(a))) <
             std::string_view(reinterpret_cast<const char*>(sqlite3_value_text(b)));
    if (sqlite3_value_type(a) == SQLITE_INTEGER && sqlite3_value_type(b) == SQLITE_INTEGER)
      return sqlite3_value_int64(a) < sqlite3_value_int64(b);
    return sqlite3_value_double(a) < sqlite3_value_double(b);
  };
  for (int i = 0; i < count; ++i) {
    if (sqlite3_value_type(values[i]) == SQLITE_NULL) continue;
    if (!best || (kSign > 0 ? less(best, values[i]) : less(values[i], best))) best = values[i];
  }
  if (best)
    sqlite3_result_value(context, best);
  else
    sqlite3_result_null(context);
}

class Sqlite final : public Connection {
 public:
  explicit Sqlite(std::string url) : url_(std::move(url)) {}

  Result<void> open(const char* file) {
    sqlite3* connection = nullptr;
    const int result = sqlite3_open_v2(
        file, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, nullptr);
    connection_.reset(connection);
    if (result != SQLITE_OK) return error("open", result);
    sqlite3_busy_timeout(connection, kBusyMs);
    constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
    sqlite3_create_function(connection, "GREATEST", -1, kFlags, nullptr, pick<1>, nullptr, nullptr);
    sqlite3_create_function(connection, "LEAST", -1, kFlags, nullptr, pick<-1>, nullptr, nullptr);
    // With a write-ahead log, NORMAL loses at most the last transactions at a loss of power and never breaks the file:
    // what they were made of is in the journal, which is on the disk.
    return script("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
  }

  Result<void> script(const std::string& text) override {
    std::string sql = text;
    constexpr std::string_view kOpen = "/*sqlite:", kClose = "*/";
    for (auto at = sql.find(kOpen); at != std::string::npos; at = sql.find(kOpen, at)) {
      sql.erase(sql.find(kClose, at), kClose.size());
      sql.erase(at, kOpen.size());
    }
    const int result = sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (result != SQLITE_OK) return error(sql.substr(0, 80), result);
    return {};
  }

  Result<std::uint64_t> each(std::string_view sql, std::span<const Value> values, const Take& take) override {
    sqlite3_stmt* statement = TRY(prepared(sql));
    struct Reset {
      sqlite3_stmt* statement;
      ~Reset() {
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
      }
    } const reset{statement};
    for (std::size_t i = 0; i < values.size(); ++i)
      if (const int result = std::visit(Bind{statement, static_cast<int>(i) + 1}, values[i]); result != SQLITE_OK)
        return error(sql, result);
    std::vector<Value> row;
    for (;;) {
      const int result = sqlite3_step(statement);
      if (result == SQLITE_DONE)
        return sqlite3_stmt_readonly(statement) ? 0 : static_cast<std::uint64_t>(sqlite3_changes(connection_.get()));
      if (result != SQLITE_ROW) return error(sql, result);
      row.clear();
      for (int at = 0; at < sqlite3_column_count(statement); ++at) row.push_back(column(statement, at));
      take(Row(row));
    }
  }

  const Dialect& dialect() const override { return kSqlite; }
  const std::string& shown() const override { return url_; }

 private:
  Error error(std::string_view what, int result) const {
    return fail(code_of(result), "database {}: {}: {} ({})", url_, what, sqlite3_errmsg(connection_.get()), result);
  }

  Result<sqlite3_stmt*> prepared(std::string_view sql) {
    const auto known = statements_.find(sql);
    if (known != statements_.end()) return known->second.get();
    sqlite3_stmt* statement = nullptr;
    const int result = sqlite3_prepare_v3(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                          SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK) return error(sql, result);
    return statements_.emplace(std::string(sql), Statement(statement)).first->second.get();
  }

  const std::string url_;
  std::unique_ptr<sqlite3, CloseDatabase> connection_;
  std::map<std::string, Statement, std::less<>> statements_;  ///< closed before the connection
};

}  // namespace

Result<std::unique_ptr<Connection>> open_sqlite(const std::string& url) {
  constexpr std::string_view kScheme = "sqlite:";
  auto connection = std::make_unique<Sqlite>(url);
  TRY(connection->open(url.c_str() + kScheme.size()));
  return std::unique_ptr<Connection>(std::move(connection));
}

}  // namespace tessera::store
