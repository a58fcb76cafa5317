#pragma once
// SQL behind one door. Statements are written with `?` for values, and prepared once.
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

#include "base/result.h"

namespace tessera::store {

/// What a column holds; nothing is NULL.
using Value = std::variant<std::monostate, std::int64_t, double, std::string>;

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
  std::size_t size() const { return values_.size(); }

 private:
  std::span<const Value> values_;
};

/// One connection, for one thread at a time. SQLite, with a write-ahead log: readers of other connections are not held
/// up by a writer.
class Database {
 public:
  /// Opens or makes the file, and brings its tables to this version. `sqlite:FILE`, or `sqlite::memory:` for one that
  /// dies with the connection. Invalid for a database that a later version has written: it is left as it is.
  static Result<std::unique_ptr<Database>> open(const std::string& url);

  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  Result<void> run(std::string_view sql, std::initializer_list<Value> values = {});
  Result<void> run(std::string_view sql, std::span<const Value> values);
  Result<void> each(std::string_view sql, std::span<const Value> values, const std::function<void(const Row&)>& take);

  /// All of `work` or nothing of it.
  Result<void> atomically(const std::function<Result<void>()>& work);

  /// Which migration the tables are at.
  Result<std::int64_t> version();

 private:
  struct Impl;
  explicit Database(std::unique_ptr<Impl> impl);
  Result<void> migrate();
  std::unique_ptr<Impl> impl_;
};

/// Of the migrations that this program has.
std::int64_t newest_version();

}  // namespace tessera::store
