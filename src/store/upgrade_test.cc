// Databases of versions before and behind this one.
#include <gmock/gmock.h>

#include "store/backup.h"
#include "store/budgets.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;

struct UpgradeTest : EachDatabase {
  /// The first column of each row.
  std::vector<std::string> texts(std::string_view sql) const {
    std::vector<std::string> out;
    const auto done = database->each(sql, {}, [&](const Row& row) { out.push_back(row.text(0)); });
    EXPECT_TRUE(done) << done.error().what;
    return out;
  }
  void run_all(std::initializer_list<const char*> statements) const {
    for (const char* one : statements) {
      const auto done = database->run(one);
      ASSERT_TRUE(done) << one << ": " << done.error().what;
    }
  }
};
INSTANTIATE_EACH_DATABASE(UpgradeTest);

TEST_P(UpgradeTest, AMigrationThatThisProgramDoesNotHaveIsALaterProgramsWhateverItsNumber) {
  ASSERT_GT(newest_version(), 199);
  run_all({"INSERT INTO migration VALUES (199)"});
  const auto later = Database::open(url());
  ASSERT_FALSE(later);
  EXPECT_THAT(later.error().what, testing::AllOf(HasSubstr("migration 199"), HasSubstr("run the newer program")));
  if (postgres()) return;
  const auto copy = check_sqlite(folder.path() / "tessera.db");
  ASSERT_FALSE(copy);
  EXPECT_THAT(copy.error().what, testing::AllOf(HasSubstr("migration 199"), HasSubstr("with the newer program")));
}

/// What stood in tables that migrations 231 to 235 change stands in them afterwards.
TEST_P(UpgradeTest, CarriesTheRowsOfTheVersionBefore) {
  run_all(
      {"DELETE FROM migration WHERE version BETWEEN 231 AND 235", "DROP TABLE budget_judged", "DROP TABLE scatter_seen",
       "DROP TABLE served_time", "ALTER TABLE alert_silence DROP COLUMN time_zone",
       "ALTER TABLE cost_pod DROP COLUMN labels", "DROP TABLE cost_owner",
       "CREATE TABLE cost_owner (id BIGINT PRIMARY KEY, cluster TEXT NOT NULL, namespace TEXT NOT NULL, pod TEXT NOT "
       "NULL, pod_uid TEXT NOT NULL, team TEXT NOT NULL, project TEXT NOT NULL, cost_centre TEXT NOT NULL, "
       "used_until BIGINT NOT NULL DEFAULT 0, UNIQUE (cluster, namespace, pod, pod_uid, team, project, cost_centre))",
       "CREATE INDEX cost_owner_by_used_until ON cost_owner (used_until)",
       "INSERT INTO cost_owner VALUES (7, 'c', 'ml', 'a', 'u1', 'vision', 'p', '4711', 900000)",
       "INSERT INTO cost_owner VALUES (9, 'c', 'ml', 'b', 'u2', '', '', '', 0)",
       "INSERT INTO cost_bucket VALUES (900000, 0, 1)", "INSERT INTO cost_bucket VALUES (899100, 0, 1)",
       "INSERT INTO budget VALUES ('b1', 'vision', 'team', 'vision', 'month', 0, 0, 'UTC', 5, 'USD', 'actual:80', "
       "'none', 'actual', 'x', 1, 'x', 1)",
       "INSERT INTO alert_silence VALUES ('s1', '', 1, 2, '', '', 'x', 1)"});
  database = open();
  EXPECT_THAT(texts("SELECT CAST(id AS TEXT) || ' ' || pod || ' ' || team || ' ' || CAST(used_until AS TEXT) || ' ' || "
                    "labels FROM cost_owner ORDER BY id"),
              ElementsAre("7 a vision 900000 ", "9 b  0 "));
  EXPECT_FALSE(database->run("INSERT INTO cost_owner VALUES (8, 'c', 'ml', 'a', 'u1', 'vision', 'p', '4711', 0, '')"))
      << "who has no labels is whom he was before";
  EXPECT_TRUE(
      database->run("INSERT INTO cost_owner VALUES (8, 'c', 'ml', 'a', 'u1', 'vision', 'p', '4711', 0, 'app=x')"));
  EXPECT_THAT(texts("SELECT time_zone FROM alert_silence"), ElementsAre("UTC"));
  EXPECT_EQ(*budgets_judged(*database), (std::map<std::string, EpochMs>{{"b1", 900'000'000 - 2'700'000}}));

  ASSERT_TRUE(keep_budgets_judged(*database, {{"b1", 1'000'000'000}}));
  database = open();
  EXPECT_EQ(*budgets_judged(*database), (std::map<std::string, EpochMs>{{"b1", 1'000'000'000}}))
      << "what is done with is not judged again";
}

TEST_P(UpgradeTest, ABudgetIsJudgedFromTheBeginWhereTheLedgerIsEmpty) {
  run_all({"DELETE FROM migration WHERE version = 235", "DROP TABLE budget_judged",
           "INSERT INTO budget VALUES ('b1', 'vision', 'team', 'vision', 'month', 0, 0, 'UTC', 5, 'USD', 'actual:80', "
           "'none', 'actual', 'x', 1, 'x', 1)"});
  database = open();
  EXPECT_THAT(*budgets_judged(*database), testing::IsEmpty());
}

}  // namespace
}  // namespace tessera::store
