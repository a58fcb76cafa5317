#include "store/database.h"

#include <gmock/gmock.h>

#include "store/dialect.h"
#include "store/one_of.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using testing::HasSubstr;

struct DatabaseTest : EachDatabase {
  std::int64_t number(std::string_view sql) const {
    std::int64_t out = -1;
    const auto done = database->each(sql, {}, [&](const Row& row) { out = row.integer(0).value_or(-1); });
    EXPECT_TRUE(done) << done.error().what;
    return out;
  }
};
INSTANTIATE_EACH_DOOR(DatabaseTest);

TEST_P(DatabaseTest, KeepsWhatItIsGiven) {
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT, r DOUBLE PRECISION, s TEXT, b " +
                            std::string(database->dialect().blob) + ")"));
  const std::int64_t large = 9'007'199'254'740'993;  // no double has it
  const Blob bytes{std::string("\0\x01\xFF'", 4)};
  ASSERT_TRUE(database->run("INSERT INTO t VALUES (?, ?, ?, ?)", {large, 0.1, std::string("a'b\\ä"), bytes}));
  ASSERT_TRUE(database->run("INSERT INTO t VALUES (?, ?, ?, ?)", {INT64_MIN, 1e-300, std::string(), Blob{}}));
  const auto nothing = database->run("INSERT INTO t VALUES (?, ?, ?, ?)", {Value{}, Value{}, Value{}, Value{}});
  ASSERT_TRUE(nothing) << nothing.error().what;
  std::size_t rows = 0;
  ASSERT_TRUE(database->each("SELECT i, r, s, b FROM t ORDER BY COALESCE(i, 0) DESC", {}, [&](const Row& row) {
    switch (rows++) {
      case 0:
        EXPECT_EQ(row.integer(0), large);
        EXPECT_EQ(row.real(1), 0.1);
        EXPECT_EQ(row.text(2), "a'b\\ä");
        EXPECT_EQ(row.bytes(3), bytes.bytes);
        break;
      case 1:
        EXPECT_EQ(row.integer(0), std::nullopt);
        EXPECT_EQ(row.real(1), std::nullopt);
        EXPECT_EQ(row.text(2), "");
        EXPECT_EQ(row.bytes(3), "");
        break;
      default:
        EXPECT_EQ(row.integer(0), INT64_MIN);
        EXPECT_EQ(row.real(1), 1e-300);
    }
  }));
  EXPECT_EQ(rows, 3U);
  EXPECT_EQ(number("SELECT CAST(SUM(i) AS BIGINT) FROM t WHERE i > 0"), large);
}

TEST_P(DatabaseTest, ATextWithAZeroByteIsKeptOrRefusedButNeverCut) {
  ASSERT_TRUE(database->run("CREATE TABLE t (s TEXT)"));
  const std::string text("a'b\0c", 5);
  const auto kept = database->run("INSERT INTO t VALUES (?)", {text});
  if (postgres()) {
    ASSERT_FALSE(kept);
    EXPECT_EQ(kept.error().code, Code::Internal);
    EXPECT_THAT(kept.error().what, HasSubstr("zero byte"));
    return;
  }
  std::string read;
  ASSERT_TRUE(database->each("SELECT s FROM t", {}, [&](const Row& row) { read = row.text(0); }));
  EXPECT_EQ(read, text);
}

TEST_P(DatabaseTest, AColumnIsOneOfSeveral) {
  ASSERT_TRUE(database->run("CREATE TABLE t (s TEXT)"));
  ASSERT_TRUE(database->run("INSERT INTO t VALUES ('a'), ('b''c'), ('d')"));
  const auto found = [&](const std::vector<std::string>& list) {
    std::vector<Value> values = {std::string("a")};
    const std::string which = one_of("s", list, values);
    std::vector<std::string> out;
    EXPECT_TRUE(database->each("SELECT s FROM t WHERE s <> ? AND " + which + " ORDER BY s", values,
                               [&](const Row& row) { out.push_back(row.text(0)); }));
    return out;
  };
  EXPECT_THAT(found({"a", "b'c", "x"}), testing::ElementsAre("b'c"));
  EXPECT_THAT(found({"d"}), testing::ElementsAre("d"));
  EXPECT_THAT(found({}), testing::IsEmpty());
}

TEST_P(DatabaseTest, AStatementThatIsRefusedIsOurFault) {
  const auto absent = database->run("DELETE FROM no_such_table");
  ASSERT_FALSE(absent);
  EXPECT_EQ(absent.error().code, Code::Internal);
}

TEST_P(DatabaseTest, AWorkIsDoneWholeOrNotAtAll) {
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT PRIMARY KEY)"));
  const auto twice = database->atomically([&]() -> Result<void> {
    TRY(database->run("INSERT INTO t VALUES (?)", {std::int64_t{1}}));
    return database->run("INSERT INTO t VALUES (?)", {std::int64_t{1}});
  });
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::Internal);
  EXPECT_THAT(twice.error().what, HasSubstr("INSERT INTO t"));
  EXPECT_EQ(number("SELECT COUNT(*) FROM t"), 0);
  EXPECT_TRUE(database->atomically([&] { return database->run("INSERT INTO t VALUES (?)", {std::int64_t{2}}); }));
  EXPECT_EQ(number("SELECT COUNT(*) FROM t"), 1);
}

TEST_P(DatabaseTest, AGuardStandsBeforeEveryWrite) {
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT PRIMARY KEY)"));
  bool may = true;
  database->guard([&](Database& within) -> Result<void> {
    TRY(within.each("SELECT COUNT(*) FROM t", {}, [](const Row&) {}));
    if (!may) return fail(Code::Denied, "not now");
    return {};
  });
  EXPECT_TRUE(database->run("INSERT INTO t VALUES (1)"));
  may = false;
  EXPECT_EQ(database->run("INSERT INTO t VALUES (2)").error().what, "not now");
  EXPECT_FALSE(database->atomically([&] { return database->run("INSERT INTO t VALUES (3)"); }));
  EXPECT_EQ(number("SELECT COUNT(*) FROM t"), 1) << "reading is not guarded";
}

TEST_P(DatabaseTest, SaysHowManyRowsAStatementChanged) {
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT)"));
  EXPECT_EQ(*database->change("INSERT INTO t VALUES (1), (2), (3)"), 3U);
  EXPECT_EQ(*database->change("DELETE FROM t WHERE i > ?", {std::int64_t{1}}), 2U);
  EXPECT_EQ(*database->change("DELETE FROM t WHERE i > ?", {std::int64_t{1}}), 0U);
}

TEST_P(DatabaseTest, InsertsManyRows) {
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT PRIMARY KEY, s TEXT)"));
  std::vector<Value> values;
  for (std::int64_t i = 0; i < 1203; ++i) values.insert(values.end(), {i, std::to_string(i)});
  ASSERT_TRUE(database->insert("INSERT INTO t (i, s)", 2, values));
  EXPECT_EQ(number("SELECT COUNT(*) FROM t WHERE s = CAST(i AS TEXT)"), 1203);
  std::vector<Value> odd;
  for (std::int64_t i = 2000; i < 2500; ++i) odd.insert(odd.end(), {i, std::string("tab\tnew\nback\\x\rä")});
  odd[1] = Value{};
  const auto all = database->insert("INSERT INTO t (i, s)", 2, odd);
  ASSERT_TRUE(all) << all.error().what;
  const Value text = odd[3];
  EXPECT_TRUE(database->each("SELECT COUNT(*) FROM t WHERE s = ?", {&text, 1},
                             [&](const Row& row) { EXPECT_EQ(row.integer(0), 499); }));
  EXPECT_EQ(number("SELECT COUNT(*) FROM t WHERE s IS NULL"), 1);
  odd[0] = std::int64_t{7};  // is there already: nothing of it comes in
  EXPECT_FALSE(database->insert("INSERT INTO t (i, s)", 2, odd));
  ASSERT_TRUE(database->run("DELETE FROM t WHERE i >= 2000"));
  const auto again = database->insert("INSERT INTO t (i, s)", 2, values, "ON CONFLICT (i) DO UPDATE SET s = 'x'");
  ASSERT_TRUE(again) << again.error().what;
  EXPECT_EQ(number("SELECT COUNT(*) FROM t WHERE s = 'x'"), 1203);
}

TEST_P(DatabaseTest, GreatestAndLeastPassOverNothing) {
  const struct {
    const char* sql;
    std::optional<std::int64_t> value;
  } kCases[] = {
      {"SELECT GREATEST(1, 3, 2)", 3},
      {"SELECT LEAST(3, 1, 2)", 1},
      {"SELECT GREATEST(NULL, 2)", 2},
      {"SELECT LEAST(2, CAST(NULL AS BIGINT))", 2},
      {"SELECT GREATEST(CAST(NULL AS BIGINT), NULL)", std::nullopt},
  };
  for (const auto& one : kCases)
    EXPECT_TRUE(database->each(one.sql, {}, [&](const Row& row) { EXPECT_EQ(row.integer(0), one.value) << one.sql; }));
}

TEST_P(DatabaseTest, HasAClockInMilliseconds) {
  const std::string sql = "SELECT " + std::string(database->dialect().now_ms);
  const std::int64_t before = now_epoch_ms(), now = number(sql);
  EXPECT_GE(now, before - 1000);
  EXPECT_LE(now, now_epoch_ms() + 1000);
}

TEST_P(DatabaseTest, OpensWhatItWroteAndRefusesTheFuture) {
  EXPECT_EQ(*database->version(), newest_version());
  EXPECT_EQ(*open()->version(), newest_version());
  ASSERT_TRUE(database->run("INSERT INTO migration VALUES (?)", {newest_version() + 1}));
  const auto later = Database::open(url());
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().what, HasSubstr("run the newer program"));
}

TEST_P(DatabaseTest, TakesUpANumberThatWasLeftOut) {
  // As if the first file had come later: what it makes is there and has to go.
  ASSERT_EQ(number("SELECT MIN(version) FROM migration"), 1);
  ASSERT_TRUE(database->run("DELETE FROM migration WHERE version = 1"));
  for (const char* table : {"progress", "session"}) ASSERT_TRUE(database->run(std::string("DROP TABLE ") + table));
  EXPECT_EQ(*open()->version(), newest_version());
  EXPECT_TRUE(database->run("INSERT INTO progress VALUES (1, 0) ON CONFLICT (id) DO NOTHING"));
}

TEST(DatabaseUrl, SaysWhatItCannotOpen) {
  const TempDir folder;
  EXPECT_THAT(Database::open("mysql://root:secret@x").error().what,
              testing::AllOf(HasSubstr("postgresql://USER@HOST"), testing::Not(HasSubstr("secret"))));
  EXPECT_THAT(Database::open("sqlite:/no/such/folder/x.db").error().what, HasSubstr("unable to open database file"));
  const auto path = folder.path() / "no.db";
  ASSERT_TRUE(write_file_atomically(path, std::string(4096, 'x')));
  EXPECT_THAT(Database::open("sqlite:" + path.string()).error().what, HasSubstr("not a database"));
  const auto nobody = Database::open("postgresql://u:secret@127.0.0.1:1/n");
  EXPECT_EQ(nobody.error().code, Code::Unavailable);
  EXPECT_THAT(nobody.error().what,
              testing::AllOf(HasSubstr("postgresql://u@127.0.0.1:1/n: connect"), testing::Not(HasSubstr("secret"))));
  const auto form = Database::open("postgresql://u:secret@h/n?sslmod=require");
  EXPECT_EQ(form.error().code, Code::Invalid);
  EXPECT_THAT(form.error().what, testing::AllOf(HasSubstr("sslmod"), testing::Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace tessera::store
