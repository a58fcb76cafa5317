#include "store/database.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "base/files.h"

namespace tessera::store {
namespace {
using testing::HasSubstr;

struct DatabaseTest : testing::Test {
  std::string url() const { return "sqlite:" + (folder.path() / "tessera.db").string(); }
  std::unique_ptr<Database> open() const {
    auto opened = Database::open(url());
    if (!opened) throw std::runtime_error(opened.error().what);
    return *std::move(opened);
  }
  TempDir folder;
};

TEST_F(DatabaseTest, KeepsWhatItIsGiven) {
  const auto database = open();
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT, r DOUBLE PRECISION, s TEXT)"));
  const std::int64_t large = 9'007'199'254'740'993;  // no double has it
  ASSERT_TRUE(database->run("INSERT INTO t VALUES (?, ?, ?)", {large, 0.1, std::string("a'b\0c", 5)}));
  ASSERT_TRUE(database->run("INSERT INTO t VALUES (?, ?, ?)", {Value{}, Value{}, Value{}}));
  std::size_t rows = 0;
  ASSERT_TRUE(database->each("SELECT i, r, s FROM t ORDER BY i DESC", {}, [&](const Row& row) {
    if (rows++ == 0) {
      EXPECT_EQ(row.integer(0), large);
      EXPECT_EQ(row.real(1), 0.1);
      EXPECT_EQ(row.text(2), std::string("a'b\0c", 5));
    } else {
      EXPECT_EQ(row.integer(0), std::nullopt);
      EXPECT_EQ(row.real(1), std::nullopt);
      EXPECT_EQ(row.text(2), "");
    }
  }));
  EXPECT_EQ(rows, 2U);
}

TEST_F(DatabaseTest, AWorkIsDoneWholeOrNotAtAll) {
  const auto database = open();
  ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT PRIMARY KEY)"));
  const auto twice = database->atomically([&]() -> Result<void> {
    TRY(database->run("INSERT INTO t VALUES (?)", {std::int64_t{1}}));
    return database->run("INSERT INTO t VALUES (?)", {std::int64_t{1}});
  });
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Code::Invalid);
  EXPECT_THAT(twice.error().what, HasSubstr("INSERT INTO t"));
  std::int64_t count = -1;
  ASSERT_TRUE(database->each("SELECT COUNT(*) FROM t", {}, [&](const Row& row) { count = *row.integer(0); }));
  EXPECT_EQ(count, 0);
  EXPECT_TRUE(database->atomically([&] { return database->run("INSERT INTO t VALUES (?)", {std::int64_t{2}}); }));
}

TEST_F(DatabaseTest, OpensWhatItWroteAndRefusesTheFuture) {
  {
    const auto database = open();
    EXPECT_EQ(*database->version(), newest_version());
  }
  {
    const auto database = open();
    EXPECT_EQ(*database->version(), newest_version());
    ASSERT_TRUE(database->run("INSERT INTO migration VALUES (?)", {newest_version() + 1}));
  }
  const auto later = Database::open(url());
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().what, HasSubstr("run the newer program"));
}

TEST_F(DatabaseTest, TakesUpANumberThatWasLeftOut) {
  std::int64_t first = 0;
  {
    const auto database = open();
    ASSERT_TRUE(database->each("SELECT MIN(version) FROM migration", {},
                               [&](const Row& row) { first = row.integer(0).value_or(0); }));
    // As if the first file had come later: what it makes is there and has to go.
    ASSERT_TRUE(database->run("DELETE FROM migration WHERE version = ?", {first}));
    for (const char* table : {"progress", "session"}) ASSERT_TRUE(database->run(std::string("DROP TABLE ") + table));
  }
  const auto database = open();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(*database->version(), newest_version());
  EXPECT_TRUE(database->run("INSERT INTO progress VALUES (1, 0) ON CONFLICT (id) DO NOTHING"));
}

TEST_F(DatabaseTest, SaysWhatItCannotOpen) {
  EXPECT_THAT(Database::open("postgres://x").error().what, HasSubstr("sqlite:FILE expected"));
  EXPECT_THAT(Database::open("sqlite:/no/such/folder/x.db").error().what, HasSubstr("unable to open database file"));
  const auto path = folder.path() / "no.db";
  ASSERT_TRUE(write_file_atomically(path, std::string(4096, 'x')));
  EXPECT_THAT(Database::open("sqlite:" + path.string()).error().what, HasSubstr("not a database"));
}

}  // namespace
}  // namespace tessera::store
