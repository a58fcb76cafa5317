#include "store/partitions.h"

#include <gmock/gmock.h>

#include "store/test_database.h"

namespace tessera::store {
namespace {
using testing::AllOf;
using testing::Contains;
using testing::Not;

constexpr EpochMs kDay = 24 * 3'600'000;
constexpr EpochMs kNow = 1'795'894'200'000;  // 2026-11-28 19:30 UTC

TEST(Piece, IsADayOrAMonthOfTheCalendar) {
  EXPECT_EQ(piece_at(kNow, true), (Piece{1'795'824'000'000, 1'795'910'400'000, "_p20261128"}));
  EXPECT_EQ(piece_at(kNow, false), (Piece{1'793'491'200'000, 1'796'083'200'000, "_p202611"}));
  EXPECT_EQ(piece_at(piece_at(kNow, false).end, false).suffix, "_p202612");
  EXPECT_EQ(piece_at(piece_at(kNow + 33 * kDay, false).end, false).suffix, "_p202701");
  EXPECT_EQ(piece_named("usage_5m_p202611"), piece_at(kNow, false));
  EXPECT_EQ(piece_named("usage_raw_p20261128"), piece_at(kNow, true));
  for (const char* other :
       {"usage_5m", "usage_5m_p", "usage_5m_p202613", "usage_5m_p20261131", "usage_pages", "x_p2026112"})
    EXPECT_EQ(piece_named(other), std::nullopt) << other;
}

struct PartitionsTest : EachDatabase {
  std::vector<std::string> tables() const {
    std::vector<std::string> out;
    EXPECT_TRUE(
        database->each("SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relnamespace = "
                       "CAST(CAST(current_schema() AS TEXT) AS regnamespace)",
                       {}, [&](const Row& row) { out.push_back(row.text(0)); }));
    return out;
  }
  Partitions partitions{UsageRetention{}};
};
INSTANTIATE_WITH_DATABASES(PartitionsTest, "postgres");

TEST_P(PartitionsTest, AreMadeAheadAndDroppedWhole) {
  ASSERT_TRUE(partitions.prepare(*database, kNow));
  EXPECT_THAT(tables(),
              AllOf(Contains("usage_raw_p20261127"), Contains("usage_raw_p20261129"), Contains("usage_5m_p202610"),
                    Contains("usage_5m_p202612"), Contains("owned_1h_p202612"), Contains("usage_1h_p202510")));
  const std::string insert =
      "INSERT INTO owned_5m (bucket, subject, owner, compute_instance, held_ms, used_ms, share_ms) "
      "VALUES (?, 1, 1, -1, 1, 1, 1)";
  EXPECT_TRUE(database->run(insert, {kNow / 1000}));
  EXPECT_TRUE(database->run(insert, {(kNow - 29 * kDay) / 1000}));
  EXPECT_FALSE(database->run(insert, {(kNow + 90 * kDay) / 1000})) << "no piece of time is there for it";
  ASSERT_TRUE(partitions.prepare(*database, kNow + 31 * kDay));
  ASSERT_TRUE(partitions.drop_old(*database, kNow + 31 * kDay));
  EXPECT_THAT(tables(),
              AllOf(Contains("owned_5m_p202611"), Contains("owned_5m_p202701"), Not(Contains("owned_5m_p202610")),
                    Not(Contains("usage_raw_p20261129")), Contains("usage_1h_p202612")));
  std::int64_t rows = 0;
  ASSERT_TRUE(database->each("SELECT COUNT(*) FROM owned_5m", {}, [&](const Row& row) { rows = *row.integer(0); }));
  EXPECT_EQ(rows, 1);
}

}  // namespace
}  // namespace tessera::store
