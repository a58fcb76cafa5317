#pragma once
// SQL behind one door. Statements are written once for all databases (dialect.h says how), with `?` for values, and
// prepared once.
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/duration.h"
#include "base/result.h"

namespace tessera::store {

struct Dialect;
class Connection;
class Database;

/// Bytes that are no text.
struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};

/// What a column holds; nothing is NULL.
using Value = std::variant<std::monostate, std::int64_t, double, std::string, Blob>;

template <class T>
Value value_or_null(const std::optional<T>& value) {
  if (!value) return {};
  if constexpr (std::is_floating_point_v<T>)
    return static_cast<double>(*value);
  else if constexpr (std::is_integral_v<T>)
    return static_cast<std::int64_t>(*value);
  else
    return std::string(*value);
}

/// One row of an answer. Columns count from 0; asking for another type than the column has is a mistake of ours.
class Row {
 public:
  explicit Row(std::span<const Value> values) : values_(values) {}
  std::optional<std::int64_t> integer(std::size_t column) const;
  std::optional<double> real(std::size_t column) const;  ///< integers too
  std::string text(std::size_t column) const;            ///< empty where NULL
  std::string bytes(std::size_t column) const;           ///< of a blob; empty where NULL
  std::size_t size() const { return values_.size(); }

 private:
  std::span<const Value> values_;
};

struct DatabaseOptions {
  std::string application = "tessera-server";  ///< what the database shows its administrator
  Milliseconds connect_timeout{5'000};
  Milliseconds statement_timeout{60'000};  ///< where a database is behind a network
  std::size_t batch_rows = 500;            ///< in one statement of insert(); from so many on, COPY
  bool migrate = true;                     ///< brings the tables to this version
  std::function<bool()> needed = {};       ///< asked while a network is waited for: false gives up at once
};

/// One connection, for one thread at a time. SQLite (with a write-ahead log: readers of other connections are not held
/// up by a writer), PostgreSQL, or another one by ODBC. A connection that was cut is made anew with the next statement
/// or transaction, after a growing pause where that fails; what was under way then is rolled back and returns
/// Unavailable.
class Database {
 public:
  /// Opens (SQLite: or makes) it and brings its tables to this version. `sqlite:FILE`, `sqlite::memory:` for one that
  /// dies with the connection, `postgresql://USER:PASSWORD@HOST:PORT/NAME?sslmode=…` as libpq takes it, `odbc:DSN=NAME`
  /// or `odbc:DRIVER=…;…` as unixODBC does. Invalid for a database that a later version has written: it is left as it
  /// is.
  static Result<std::unique_ptr<Database>> open(const std::string& url, const DatabaseOptions& options = {});

  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<void> run(std::string_view sql, std::initializer_list<Value> values = {});
  Result<void> run(std::string_view sql, std::span<const Value> values);
  Result<void> each(std::string_view sql, std::span<const Value> values, const std::function<void(const Row&)>& take);

  /// As run(): how many rows it has changed.
  Result<std::uint64_t> change(std::string_view sql, std::initializer_list<Value> values = {});

  /// Many rows, which lie one behind the other in `values`, whole or not at all: by COPY where the database has it and
  /// there are as many as a batch holds, else in statements of so many. `head` is `INSERT INTO table (columns)`, `tail`
  /// what follows the rows (`ON CONFLICT …`).
  Result<void> insert(std::string_view head, std::size_t columns, std::span<const Value> values,
                      std::string_view tail = {});

  /// All of `work` or nothing of it.
  Result<void> atomically(const std::function<Result<void>()>& work);

  /// Runs last in every transaction and with every statement that writes outside of one: where it fails, nothing of it
  /// is done.
  void guard(std::function<Result<void>(Database&)> check) { guard_ = std::move(check); }

  /// Which migration the tables are at.
  Result<std::int64_t> version();

  const Dialect& dialect() const;
  const std::string& shown() const;  ///< the URL, without secrets

 private:
  Database(std::unique_ptr<Connection> connection, std::size_t batch_rows);
  Result<void> migrate();
  Result<std::uint64_t> write(std::string_view sql, std::span<const Value> values);
  Result<void> insert_by_statements(std::string_view head, std::size_t columns, std::span<const Value> values,
                                    std::string_view tail);

  std::unique_ptr<Connection> connection_;
  const std::size_t batch_rows_;
  std::function<Result<void>(Database&)> guard_;
  bool within_ = false;  ///< a transaction
};

/// Whether a URL has a form that open() takes; the error says which forms there are.
Result<void> check_url(const std::string& url);

/// Whether several servers may share what a URL names.
bool is_shared(const std::string& url);

/// Of the migrations that this program has.
std::int64_t newest_version();

}  // namespace tessera::store
