#include "store/lease.h"

#include <gmock/gmock.h>

#include <thread>

#include "store/archive.h"
#include "store/live.h"
#include "store/test_database.h"

namespace tessera::store {
namespace {
using namespace std::chrono_literals;
using testing::HasSubstr;

struct LeaseTest : EachDatabase {
  const Candidate a{"journal-a", "a:8080", 1h}, b{"journal-b", "b:8080", 1h};
  Lease hold(const Candidate& candidate, std::int64_t epoch) const {
    auto lease = hold_lease(*database, candidate, epoch);
    if (!lease) throw std::runtime_error(lease.error().what);
    return *lease;
  }
  void expire() const { ASSERT_TRUE(database->run("UPDATE leader SET expires = 1")); }
  std::uint64_t position() const { return resume(*database)->progress.counted; }
  Result<void> work_off(std::int64_t sequence) const {
    return database->run("UPDATE progress SET journal_sequence = ?", {sequence});
  }
};
INSTANTIATE_EACH_DATABASE(LeaseTest);
struct PostgresLeaseTest : LeaseTest {};  // SQLite has one writer at a time
INSTANTIATE_TEST_SUITE_P(, PostgresLeaseTest, testing::Values("postgres"));

TEST_P(LeaseTest, OneHasItUntilItsTermEnds) {
  const Lease first = hold(a, 0);
  EXPECT_TRUE(first.ours);
  const Lease other = hold(b, 0);
  EXPECT_FALSE(other.ours);
  EXPECT_EQ(other.address, "a:8080") << "who asks another one is told where to go";
  EXPECT_EQ(hold(a, first.epoch).epoch, first.epoch) << "renewed";
  expire();
  EXPECT_EQ(hold(a, first.epoch).epoch, first.epoch) << "late, but nobody took it";
  expire();
  const Lease second = hold(b, 0);
  EXPECT_TRUE(second.ours);
  EXPECT_EQ(second.before, "journal-a") << "who may still hand something over";
  EXPECT_EQ(hold(b, second.epoch).before, "");
  EXPECT_GT(second.epoch, first.epoch);
  EXPECT_FALSE(hold(a, first.epoch).ours);
}

TEST_P(LeaseTest, ARestartTakesItsOwnAtOnce) {
  const Lease first = hold(a, 0);
  const Lease again = hold(a, 0);
  EXPECT_TRUE(again.ours);
  EXPECT_GT(again.epoch, first.epoch) << "what the process of before may still have under way is refused";
}

TEST_P(LeaseTest, WhoWasBeforeIsKnownUntilItsOwnPastIsSetAside) {
  const Lease first = hold(a, 0);
  ASSERT_TRUE(release_lease(*database, first.epoch));
  const Lease heir = hold(b, 0);
  EXPECT_EQ(heir.before, "journal-a");
  EXPECT_EQ(hold(b, 0).before, "journal-a") << "a process that died on the way";
  ASSERT_TRUE(set_aside(*database, "journal-b", "journal-b@2", std::nullopt));
  EXPECT_EQ(hold(b, 0).before, "journal-b");
}

TEST_P(LeaseTest, WhatASecondLeadDoesNotKnowIsNamedApart) {
  ASSERT_TRUE(hold(a, 0).ours);
  ASSERT_TRUE(work_off(7));
  expire();
  ASSERT_TRUE(hold(b, 0).ours);
  ASSERT_TRUE(hand_over(*database, {"journal-a", 8, 1, "body", 1, false, false}));
  expire();
  ASSERT_TRUE(hold(a, 0).ours);
  ASSERT_TRUE(hand_over(*database, {"journal-a@3", 9, 1, "body", 1, false, true}));
  ASSERT_TRUE(set_aside(*database, "journal-a", "journal-a@3", 9));
  EXPECT_EQ(position(), 9U) << "the journal goes on behind what is handed over";
  EXPECT_EQ((*position_of(*database, "journal-a@3"))->counted, 7U);
  const auto records = handed_over(*database, {}, 10);
  ASSERT_TRUE(records);
  ASSERT_EQ(records->size(), 2U);
  for (const HandedOver& one : *records) EXPECT_EQ(one.journal, "journal-a@3");
}

TEST_P(LeaseTest, WhatIsReleasedIsFree) {
  const Lease first = hold(a, 0);
  ASSERT_TRUE(release_lease(*database, first.epoch));
  EXPECT_TRUE(hold(b, 0).ours);
  ASSERT_TRUE(release_lease(*database, first.epoch));
  EXPECT_FALSE(hold(a, 0).ours) << "one of an earlier epoch releases nothing";
}

TEST_P(LeaseTest, OfAnEpochThatIsOverNothingIsWritten) {
  const Lease first = hold(a, 0);
  const auto old = open();
  old->guard([epoch = first.epoch](Database& within) { return check_epoch(within, epoch); });
  ASSERT_TRUE(old->run("UPDATE progress SET journal_sequence = 5"));
  expire();
  ASSERT_TRUE(hold(b, 0).ours);
  const auto late = old->run("UPDATE progress SET journal_sequence = 6");
  EXPECT_EQ(late.error().code, Code::Denied);
  EXPECT_THAT(late.error().what, HasSubstr("b:8080"));
  EXPECT_EQ(position(), 0U);
}

TEST_P(LeaseTest, APositionBelongsToAJournal) {
  ASSERT_TRUE(hold(a, 0).ours);
  ASSERT_TRUE(work_off(42));
  expire();
  ASSERT_TRUE(hold(b, 0).ours);
  EXPECT_EQ(position(), 0U);
  ASSERT_TRUE(work_off(7));
  expire();
  ASSERT_TRUE(hold(a, 0).ours);
  EXPECT_EQ(position(), 42U);
  expire();
  ASSERT_TRUE(hold(b, 0).ours);
  EXPECT_EQ(position(), 7U);
}

TEST_P(LeaseTest, OfManyOneTakesIt) {
  std::atomic<int> leaders = 0;
  {
    std::vector<std::jthread> servers;
    for (int i = 0; i < 6; ++i)
      servers.emplace_back([&, i] {
        const auto own = open();
        const auto lease = hold_lease(*own, {"journal-" + std::to_string(i), "x", 1h}, 0);
        if (lease && lease->ours) ++leaders;
      });
  }
  EXPECT_EQ(leaders, 1);
}

// A leader that has checked its epoch and not yet committed keeps others from taking over: what it commits was its
// right.
TEST_P(PostgresLeaseTest, ATakeoverWaitsForACommitUnderWay) {
  const Lease first = hold(a, 0);
  expire();
  std::jthread taking;
  std::atomic<bool> taken = false;
  ASSERT_TRUE(database->atomically([&]() -> Result<void> {
    TRY(database->run("UPDATE progress SET journal_sequence = 9"));
    TRY(check_epoch(*database, first.epoch));
    taking = std::jthread([&] {
      const auto own = open();
      const auto lease = hold_lease(*own, b, 0);
      taken = lease && lease->ours;
    });
    bool waits = false;
    const auto watch = open();
    while (!waits)
      TRY(
          watch->each("SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = "
                      "current_database()",
                      {}, [&](const Row& row) { waits = row.integer(0) == 1; }));
    EXPECT_FALSE(taken);
    return {};
  }));
  taking.join();
  EXPECT_TRUE(taken);
  std::int64_t kept = 0;
  ASSERT_TRUE(database->each("SELECT journal_sequence FROM journal_progress WHERE journal = 'journal-a'", {},
                             [&](const Row& row) { kept = row.integer(0).value_or(0); }));
  EXPECT_EQ(kept, 9) << "and it is seen by who takes over";
}

}  // namespace
}  // namespace tessera::store
