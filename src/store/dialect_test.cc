#include "store/dialect.h"

#include <gtest/gtest.h>

#include "store/postgres_values.h"

namespace tessera::store {
namespace {

TEST(Dialect, NumbersParameters) {
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"SELECT 1", "SELECT 1"},
      {"SELECT ? + ?", "SELECT $1 + $2"},
      {"SELECT '?', \"a?\", ?", "SELECT '?', \"a?\", $1"},
      {"SELECT 'it''s ?', ?", "SELECT 'it''s ?', $1"},
      {"SELECT ? -- why?\n, ?", "SELECT $1 -- why?\n, $2"},
      {"SELECT /* ? */ ?", "SELECT /* ? */ $1"},
      {"SELECT '?", "SELECT '?"},
      {"", ""},
  };
  for (const auto& [sql, numbers] : kCases) EXPECT_EQ(numbered(sql), numbers);
}

TEST(Dialect, ReadsWhatPostgresSays) {
  const struct {
    unsigned type;
    const char* text;
    Value value;
  } kCases[] = {
      {20, "-9223372036854775808", std::int64_t{INT64_MIN}},
      {23, "7", std::int64_t{7}},
      {16, "t", std::int64_t{1}},
      {16, "f", std::int64_t{0}},
      {1700, "12345678901234567", std::int64_t{12345678901234567}},
      {1700, "0.5", 0.5},
      {701, "0.1", 0.1},
      {701, "1e+300", 1e300},
      {17, "\\x00ff7a", Blob{std::string("\0\xFFz", 3)}},
      {25, "12", std::string("12")},
      {1043, "ä", std::string("ä")},
  };
  for (const auto& one : kCases) EXPECT_EQ(value_of(one.type, one.text), one.value) << one.type << ' ' << one.text;
}

TEST(Dialect, KnowsWhatErrorsMean) {
  constexpr std::pair<const char*, Code> kCases[] = {
      {"23505", Code::Internal},    {"42601", Code::Internal},    {"42501", Code::Denied},      {"28P01", Code::Denied},
      {"53100", Code::Unavailable}, {"57014", Code::Unavailable}, {"40001", Code::Unavailable}, {"", Code::Unavailable},
  };
  for (const auto& [state, code] : kCases) EXPECT_EQ(code_of_state(state), code) << state;
}

TEST(Dialect, TakesScriptsApart) {
  EXPECT_EQ(statements_of("CREATE TABLE a (x TEXT DEFAULT ';'); -- a; b\n/* ; */ INSERT INTO a VALUES (1);\n"),
            (std::vector<std::string>{"CREATE TABLE a (x TEXT DEFAULT ';')", "INSERT INTO a VALUES (1)"}));
  EXPECT_EQ(statements_of(" ;; \n"), std::vector<std::string>());
}

TEST(Dialect, SaysItAsOracleDoes) {
  constexpr std::pair<const char*, const char*> kCases[] = {
      {"SELECT a FROM t WHERE b = ? ORDER BY a LIMIT ?",
       "SELECT a FROM t WHERE b = ? ORDER BY a FETCH FIRST ? ROWS ONLY"},
      {"CREATE TABLE t (a BIGINT PRIMARY KEY, b TEXT NOT NULL, c DOUBLE PRECISION, d TEXT, e BYTEA, CONTEXT INTEGER)",
       "CREATE TABLE t (a NUMBER(19) PRIMARY KEY, b VARCHAR2(4000), c BINARY_DOUBLE, d VARCHAR2(4000), e BLOB, CONTEXT "
       "INTEGER)"},
      {"INSERT INTO t (a, b) VALUES (?, ?), (?, ?) ON CONFLICT (a) DO UPDATE SET b = GREATEST(t.b, excluded.b)",
       "MERGE INTO t USING (SELECT * FROM (VALUES (?, ?), (?, ?)) v (a, b)) excluded ON (t.a = excluded.a) WHEN "
       "MATCHED "
       "THEN UPDATE SET b = GREATEST(t.b, excluded.b) WHEN NOT MATCHED THEN INSERT (a, b) VALUES (excluded.a, "
       "excluded.b)"},
      {"INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a, b) DO NOTHING",
       "MERGE INTO t USING (SELECT * FROM (VALUES (?, ?)) v (a, b)) excluded ON (t.a = excluded.a AND t.b = "
       "excluded.b) "
       "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (excluded.a, excluded.b)"},
  };
  for (const auto& [sql, oracle] : kCases) EXPECT_EQ(for_oracle(sql), oracle);
}

}  // namespace
}  // namespace tessera::store
