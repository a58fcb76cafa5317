#include "store/dialect.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <cctype>

#include "base/text.h"

namespace tessera::store {

const Dialect kSqlite{.name = "sqlite",
                      .blob = "BLOB",
                      .now_ms = "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
                      .begin = "BEGIN IMMEDIATE",
                      .migrating = "",
                      .lock_shared = ""};

const Dialect kPostgres{.name = "postgres",
                        .blob = "BYTEA",
                        .now_ms = "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
                        .begin = "BEGIN",
                        .migrating =
                            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
                            "SELECT pg_advisory_xact_lock(6004511398)",  // any number that nobody else takes
                        .lock_shared = " FOR SHARE",
                        .partitions = true};

const Dialect kOracle{
    .name = "oracle",
    .blob = "BLOB",
    .now_ms = "CAST((CAST(SYS_EXTRACT_UTC(SYSTIMESTAMP) AS DATE) - DATE '1970-01-01') * 86400000 AS NUMBER(19))",
    .begin = "BEGIN",  // never sent: by ODBC a transaction begins with its first statement
    .migrating = "",
    .lock_shared = " FOR UPDATE",
    .adapted = for_oracle};

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

std::vector<std::string> statements_of(std::string_view script) {
  std::vector<std::string> out;
  std::string one;
  const auto end = [&] {
    if (const std::string_view text = trim(one); !text.empty()) out.emplace_back(text);
    one.clear();
  };
  for (std::size_t at = 0; at < script.size();) {
    const std::size_t next = passed(script, at);
    if (next != at) {
      if (script[at] == '\'' || script[at] == '"') one += script.substr(at, next - at);
      at = next;
    } else if (script[at++] == ';') {
      end();
    } else {
      one += script[at - 1];
    }
  }
  end();
  return out;
}

namespace {

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    const std::size_t end = at + from.size();
    const bool whole = (at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]));
    if (whole) text.replace(at, from.size(), to);
    at += whole ? to.size() : from.size();
  }
  return text;
}

/// `INSERT INTO t (a, b) VALUES (…) ON CONFLICT (a) DO UPDATE SET b = excluded.b` as a MERGE.
std::string merged(const std::string& sql) {
  static const RE2 kForm(
      R"((?s)\s*INSERT INTO (\w+) \(([^)]*)\) (VALUES .*|SELECT .*?)\s+ON CONFLICT \(([^)]*)\) DO (NOTHING|UPDATE SET (.*)))");
  std::string table, columns, rows, keys, action, changes;
  if (!RE2::FullMatch(sql, kForm, &table, &columns, &rows, &keys, &action, &changes)) return sql;
  std::string on, values;
  for (const auto key : split(keys, ','))
    on += fmt::format("{}{}.{} = excluded.{}", on.empty() ? "" : " AND ", table, trim(key), trim(key));
  for (const auto column : split(columns, ','))
    values += fmt::format("{}excluded.{}", values.empty() ? "" : ", ", trim(column));
  const std::string source = rows.starts_with("VALUES") ? fmt::format("(SELECT * FROM ({}) v ({}))", rows, columns)
                                                        : fmt::format("(SELECT * FROM ({}) v)", rows);
  return fmt::format("MERGE INTO {} USING {} excluded ON ({}){} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})", table,
                     source, on, changes.empty() ? "" : " WHEN MATCHED THEN UPDATE SET " + changes, columns, values);
}

}  // namespace

std::string for_oracle(std::string_view sql) {
  std::string out = merged(std::string(sql));
  constexpr std::pair<std::string_view, std::string_view> kWords[] = {
      {"BIGINT", "NUMBER(19)"},
      {"DOUBLE PRECISION", "BINARY_DOUBLE"},
      {"TEXT NOT NULL", "VARCHAR2(4000)"},  // '' is NULL there
      {"TEXT", "VARCHAR2(4000)"},
      {"BYTEA", "BLOB"}};
  for (const auto& [from, to] : kWords) out = replaced(std::move(out), from, to);
  if (const std::size_t at = out.rfind(" LIMIT ?"); at != std::string::npos)
    out.replace(at, 8, " FETCH FIRST ? ROWS ONLY");
  return out;
}

}  // namespace tessera::store
