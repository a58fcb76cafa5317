#pragma once
// What each kind of database can do; database.h is the door to them.
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/dialect.h"

namespace tessera::store {

using Take = std::function<void(const Row&)>;

class Connection {
 public:
  virtual ~Connection() = default;

  /// How many rows the statement has changed.
  virtual Result<std::uint64_t> each(std::string_view sql, std::span<const Value> values, const Take& take) = 0;

  /// Statements without values, with semicolons between them; a migration's may take very long.
  virtual Result<void> script(const std::string& sql) = 0;

  /// Rows of an INSERT that is told in parts: see Database::insert. False: this database has no way of its own, and
  /// statements do it. In a transaction.
  virtual Result<bool> insert(std::string_view /*head*/, std::size_t /*columns*/, std::span<const Value> /*values*/,
                              std::string_view /*tail*/) {
    return false;
  }

  /// Before what begins outside of a transaction: makes a connection that was cut anew; Unavailable while it is too
  /// early to try again.
  virtual Result<void> ready() { return {}; }

  virtual const Dialect& dialect() const = 0;

  /// The URL, without secrets.
  virtual const std::string& shown() const = 0;
};

Result<std::unique_ptr<Connection>> open_sqlite(const std::string& url);
Result<std::unique_ptr<Connection>> open_postgres(const std::string& url, const DatabaseOptions& options);
Result<std::unique_ptr<Connection>> open_odbc(const std::string& url, const DatabaseOptions& options);

}  // namespace tessera::store
