#include "store/dialect.h"

#include <algorithm>

namespace tessera::store {

const Dialect kSqlite{.name = "sqlite",
                      .blob = "BLOB",
                      .now_ms = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
                      .begin = "BEGIN IMMEDIATE",
                      .migrating = "",
                      .lock_shared = "",
                      .shared = false};

const Dialect kPostgres{.name = "postgres",
                        .blob = "BYTEA",
                        .now_ms = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
                        .begin = "BEGIN",
                        .migrating =
                            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
                            "SELECT pg_advisory_xact_lock(6004511398)",  // any number that nobody else takes
                        .lock_shared = " FOR SHARE",
                        .shared = true};

namespace {

/// Behind what begins at `at` and holds no parameters: a quoted text or name, a comment; `at` where it is none.
std::size_t passed(std::string_view sql, std::size_t at) {
  const auto behind = [&](std::string_view end, std::size_t from) {
    const auto found = sql.find(end, from);
    return found == std::string_view::npos ? sql.size() : found + end.size();
  };
  if (sql[at] == '\'' || sql[at] == '"') return behind(sql.substr(at, 1), at + 1);
  if (sql.substr(at).starts_with("--")) return behind("\n", at);
  if (sql.substr(at).starts_with("/*")) return behind("*/", at + 2);
  return at;
}

}  // namespace

std::string numbered(std::string_view sql) {
  std::string out;
  unsigned count = 0;
  for (std::size_t at = 0; at < sql.size();) {
    if (const std::size_t next = passed(sql, at); next != at) {
      out += sql.substr(at, next - at);
      at = next;
    } else if (sql[at++] == '?') {
      out += '$' + std::to_string(++count);
    } else {
      out += sql[at - 1];
    }
  }
  return out;
}

}  // namespace tessera::store
