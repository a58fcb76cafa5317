// What only PostgreSQL can do to a connection: restart, cut it, refuse it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/mount.h>

#include <csignal>
#include <stdexcept>
#include <thread>

#include "store/database.h"
#include "store/postgres_peer.h"

namespace tessera::store {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

struct PostgresTest : testing::Test {  // run with the other tests that need one: its name says postgres
  void SetUp() override {
    if (!PostgresPeer::instance()) GTEST_SKIP() << PostgresPeer::kMissing;
    url = PostgresPeer::instance()->fresh_url();
    database = open();
    ASSERT_TRUE(database->run("CREATE TABLE t (i BIGINT PRIMARY KEY)"));
  }
  std::unique_ptr<Database> open(const DatabaseOptions& options = {}) const {
    auto opened = Database::open(url, options);
    if (!opened) throw std::runtime_error(opened.error().what);
    return *std::move(opened);
  }
  static std::int64_t count(Database& on) {
    std::int64_t out = -1;
    const auto done = on.each("SELECT COUNT(*) FROM t", {}, [&](const Row& row) { out = *row.integer(0); });
    EXPECT_TRUE(done) << done.error().what;
    return out;
  }
  Result<void> insert(std::int64_t i) const { return database->run("INSERT INTO t VALUES (?)", {i}); }
  /// Ends the connection of `database` from the server's side.
  void cut() const {
    ASSERT_TRUE(
        open()->run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                    "AND pid <> pg_backend_pid()"));
  }
  std::string url;
  std::unique_ptr<Database> database;
};

TEST_F(PostgresTest, ARestartOfPostgresIsPassedOver) {
  ASSERT_TRUE(insert(1));
  auto& postgres = *PostgresPeer::instance();
  for (const int signal : {SIGINT, SIGQUIT}) {
    postgres.stop(signal);
    const auto away = insert(2);
    EXPECT_EQ(away.error().code, Code::Unavailable) << away.error().what;
    postgres.start();
    for (int tries = 0; tries < 100 && !database->each("SELECT 1", {}, [](const Row&) {}); ++tries)
      std::this_thread::sleep_for(100ms);  // the pause between two tries is the connection's
    EXPECT_EQ(count(*database), 1);
  }
}

TEST_F(PostgresTest, AConnectionCutInATransactionLeavesNothingOfIt) {
  const auto work = database->atomically([&]() -> Result<void> {
    TRY(insert(1));
    cut();
    static_cast<void>(insert(2));  // whoever does not look goes on without a connection: never outside of a transaction
    return insert(3);
  });
  ASSERT_FALSE(work);
  EXPECT_EQ(work.error().code, Code::Unavailable) << work.error().what;
  EXPECT_EQ(count(*database), 0) << "the connection is made anew";
  EXPECT_TRUE(insert(4));
}

TEST_F(PostgresTest, AFailureThatNobodyLookedAtIsFoundAtTheEnd) {
  ASSERT_TRUE(insert(1));
  const auto work = database->atomically([&]() -> Result<void> {
    static_cast<void>(insert(1));
    return {};
  });
  ASSERT_FALSE(work);
  EXPECT_THAT(work.error().what, HasSubstr("rolled back"));
}

TEST_F(PostgresTest, AStatementHasADeadline) {
  const auto impatient = open({.statement_timeout = 100ms});
  const auto late = impatient->run("SELECT pg_sleep(30)");
  EXPECT_EQ(late.error().code, Code::Unavailable);
  EXPECT_THAT(late.error().what, HasSubstr("statement timeout"));
  EXPECT_EQ(count(*impatient), 0) << "and the connection goes on";
}

TEST_F(PostgresTest, AFullDiskIsSaidAndPasses) {
  const auto disk = PostgresPeer::instance()->folder() / "disk";
  std::filesystem::create_directories(disk);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m,mode=0700,uid=65534,gid=65534") != 0)
    GTEST_SKIP() << "no disk of 2 MiB: mounting one takes root";
  ASSERT_TRUE(database->run("CREATE TABLESPACE small LOCATION '" + disk.string() + "'"));
  const auto make = [&] {
    ASSERT_TRUE(database->run("CREATE TABLE full_soon (s TEXT) TABLESPACE small"));
    ASSERT_TRUE(database->run("ALTER TABLE full_soon ALTER COLUMN s SET STORAGE PLAIN"));
  };
  make();
  Result<void> kept;
  const std::string text(7000, 'x');
  for (int i = 0; kept && i < 1000; ++i)
    kept = database->atomically([&]() -> Result<void> {
      TRY(insert(i));
      return database->run("INSERT INTO full_soon VALUES (?)", {text});
    });
  EXPECT_EQ(kept.error().code, Code::Unavailable) << kept.error().what;
  EXPECT_THAT(kept.error().what, HasSubstr("its disk is full: make room there"));
  std::int64_t rows = 0;
  ASSERT_TRUE(database->each("SELECT COUNT(*) FROM full_soon", {}, [&](const Row& row) { rows = *row.integer(0); }));
  EXPECT_EQ(count(*database), rows) << "nothing half";
  ASSERT_TRUE(database->run("DROP TABLE full_soon"));
  make();
  EXPECT_TRUE(database->run("INSERT INTO full_soon VALUES (?)", {text})) << "when there is room again it goes on";
  ASSERT_TRUE(database->run("DROP TABLE full_soon"));
  ASSERT_TRUE(database->run("DROP TABLESPACE small"));
  EXPECT_EQ(umount(disk.c_str()), 0);
}

TEST_F(PostgresTest, SaysWhoMayNot) {
  std::string wrong = url;
  wrong.replace(wrong.find("secret"), 6, "guess9");
  const auto refused = Database::open(wrong);
  EXPECT_EQ(refused.error().code, Code::Denied) << refused.error().what;
  EXPECT_THAT(refused.error().what, testing::Not(HasSubstr("guess9")));
  std::string absent = url;
  absent.replace(absent.find("?host"), 0, "no");
  EXPECT_EQ(Database::open(absent).error().code, Code::NotFound) << Database::open(absent).error().what;
}

TEST_F(PostgresTest, TwoThatBringTheTablesUpToDateDoItOnce) {
  const std::string fresh = PostgresPeer::instance()->fresh_url();
  std::vector<std::string> failures(4);
  {
    std::vector<std::jthread> servers;
    for (auto& failure : failures)
      servers.emplace_back([&] {
        if (const auto opened = Database::open(fresh); !opened) failure = opened.error().what;
      });
  }
  EXPECT_THAT(failures, testing::Each(std::string()));
}

}  // namespace
}  // namespace tessera::store
