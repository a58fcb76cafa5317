#pragma once
// What differs between databases where SQL is written once.
//
// Statements are written for all: `?` for values, BIGINT, INTEGER, TEXT, DOUBLE PRECISION, LIMIT, ON CONFLICT with the
// table named before its own columns (`SET peak = GREATEST(t.peak, excluded.peak)`), GREATEST and LEAST, which pass
// over NULL. Booleans are INTEGER, times BIGINT in milliseconds. Where a table must differ, `0002_usage.postgres.sql`
// stands beside `0002_usage.sql` in migrations/ and is taken instead. A word that SQLite alone has stands in a comment
// that only it reads: `)/*sqlite: WITHOUT ROWID*/;`.
#include <string>
#include <string_view>
#include <vector>

namespace tessera::store {

struct Dialect {
  std::string_view name;         ///< in the names of migrations
  std::string_view blob;         ///< type of a column of bytes
  std::string_view now_ms;       ///< an expression: the database's clock in milliseconds since the epoch
  std::string_view begin;        ///< of a transaction that writes
  std::string_view migrating;    ///< runs first in a migration: others wait for it, and it may take long
  std::string_view lock_shared;  ///< behind a SELECT: its row stays as it is until the transaction ends
  bool partitions = false;       ///< usage is in partitions
  std::string (*adapted)(std::string_view) = nullptr;  ///< a statement as this database takes it; null: as it is
};

extern const Dialect kSqlite, kPostgres, kOracle;

/// `?` as `$1`, `$2`, …: not within quotes and comments.
std::string numbered(std::string_view sql);

/// The statements of a script, without the semicolons between them.
std::vector<std::string> statements_of(std::string_view script);

/// A statement as Oracle (23 and later) takes it: types, LIMIT, and ON CONFLICT as MERGE. Written by its documentation
/// and never run there.
std::string for_oracle(std::string_view sql);

}  // namespace tessera::store
