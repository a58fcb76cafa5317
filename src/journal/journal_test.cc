#include "journal/journal.h"

#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "journal/journal_test.h"

using namespace std::chrono_literals;

namespace tessera::journal {
namespace {

constexpr auto kLong = 60s;  // for what will happen: the machine may be busy

SteadyTime soon() { return std::chrono::steady_clock::now() + kLong; }

Sequence add(Journal& journal, std::uint64_t id, std::size_t size = 20, std::uint32_t items = 3, EpochMs time = kTime) {
  const auto sequence = journal.append(time, items, static_cast<std::uint8_t>(id), body_of(id, size));
  if (!sequence) ADD_FAILURE() << sequence.error().what;
  return sequence ? *sequence : 0;
}

void add_many(Journal& journal, std::uint64_t from, std::uint64_t through) {
  for (auto id = from; id <= through; ++id) EXPECT_EQ(add(journal, id), id);
}

std::vector<Sequence> range(Sequence from, Sequence through) {
  std::vector<Sequence> out;
  for (; from <= through; ++from) out.push_back(from);
  return out;
}

TEST(Journal, GivesBackWhatItWasGiven) {
  const TempDir dir;
  static constexpr struct {
    EpochMs time;
    std::uint32_t items;
    std::uint8_t kind;
    std::size_t size;
  } kCases[] = {{kTime, 1, 0, 0}, {-1, 0, 255, 1}, {0, 4294967295U, 7, 150'000}, {kTime + 1, 2, 1, 3'000'000}};
  auto journal = open_at({.dir = dir.path() / "a" / "b"});
  for (const auto& c : kCases) ASSERT_TRUE(journal->append(c.time, c.items, c.kind, body_of(c.size, c.size)));
  for (int reopened = 0; reopened < 2; ++reopened) {
    for (const auto& c : kCases) {
      const auto record = next_now(*journal);
      ASSERT_TRUE(record);
      EXPECT_EQ(record->time, c.time);
      EXPECT_EQ(record->items, c.items);
      EXPECT_EQ(record->kind, c.kind);
      EXPECT_TRUE(record->body == body_of(c.size, c.size));
    }
    EXPECT_FALSE(next_now(*journal));
    journal.reset();
    journal = open_at({.dir = dir.path() / "a" / "b"});
  }
}

TEST(Journal, AcknowledgedNeverComesAgainAndUnacknowledgedDoes) {
  const TempDir dir;
  const Options options{.dir = dir.path(), .segment_bytes = 300};
  auto journal = open_at(options);
  add_many(*journal, 1, 20);
  EXPECT_EQ(journal->stats().segments, 7U);  // three of 76 bytes in each
  EXPECT_EQ(sequences(drain(*journal)), range(1, 20));
  ASSERT_TRUE(journal->acknowledge(8));
  EXPECT_EQ(journal->stats().segments, 5U) << "segments that are done with are deleted";
  EXPECT_EQ(segment_files(dir.path()).size(), 5U);
  journal->rewind();
  EXPECT_EQ(sequences(drain(*journal)), range(9, 20));
  ASSERT_TRUE(journal->acknowledge(3)) << "done already: nothing to do";
  EXPECT_EQ(journal->acknowledge(21).error().code, Code::Invalid);

  journal.reset();
  journal = open_at(options);
  EXPECT_EQ(journal->stats().pending, (Count{12, 36}));
  EXPECT_EQ(journal->stats().pending_bytes, 12 * 76U);
  EXPECT_EQ(journal->stats().oldest, kTime);
  EXPECT_EQ(next_now(*journal)->sequence, 9U);
  ASSERT_TRUE(journal->acknowledge(15)) << "also what was not read";
  EXPECT_EQ(sequences(drain(*journal)), range(16, 20));
  ASSERT_TRUE(journal->acknowledge(20));
  EXPECT_EQ(journal->stats().pending, Count{});
  EXPECT_EQ(journal->stats().acknowledged, (Count{12, 36}));
  EXPECT_FALSE(journal->stats().oldest);
}

TEST(Journal, NumbersAreNeverGivenTwice) {
  const TempDir dir;
  Sequence last = 0;
  for (int i = 0; i < 5; ++i) {
    const auto journal = open_at({.dir = dir.path(), .segment_bytes = 100});
    for (int j = 0; j < 3; ++j) {
      ++last;
      EXPECT_EQ(add(*journal, last), last) << "all before was acknowledged";
    }
    ASSERT_TRUE(journal->acknowledge(last));
    EXPECT_EQ(journal->stats().segments, 1U);
  }
  for (const auto& file : segment_files(dir.path())) std::filesystem::remove(file);
  EXPECT_EQ(add(*open_at({.dir = dir.path()}), 0), last + 1) << "the cursor alone is enough";
  std::filesystem::remove(dir.path() / "cursor");
  const auto journal = open_at({.dir = dir.path()});
  EXPECT_EQ(next_now(*journal)->sequence, last + 1) << "and so are the segments";
  EXPECT_EQ(add(*journal, 0), last + 2);
}

TEST(Journal, CursorBeyondTheRecordsIsBelieved) {
  const TempDir dir;
  add_many(*open_at({.dir = dir.path()}), 1, 5);
  ASSERT_TRUE(Cursor::open(dir.path() / "cursor")->write({.sequence = 9, .items = 27}));
  for (int reopened = 0; reopened < 2; ++reopened) {
    const auto journal = open_at({.dir = dir.path()});
    EXPECT_EQ(add(*journal, 0), 10U + static_cast<unsigned>(reopened));
    EXPECT_EQ(journal->stats().pending,
              (Count{1U + static_cast<unsigned>(reopened), 3U + 3U * static_cast<unsigned>(reopened)}));
    EXPECT_EQ(next_now(*journal)->sequence, 10U);
    EXPECT_EQ(total_dropped(journal->stats()), Count{});
  }
}

TEST(Journal, FullDropsTheOldestAlsoUnderTheReader) {
  const TempDir dir;
  const auto journal = open_at({.dir = dir.path(), .segment_bytes = 160, .max_bytes = 1600});  // ten segments of two
  add_many(*journal, 1, 20);
  EXPECT_EQ(total_dropped(journal->stats()), Count{});
  EXPECT_EQ(next_now(*journal)->sequence, 1U);
  add_many(*journal, 21, 26);
  const auto stats = journal->stats();
  EXPECT_LE(stats.disk_bytes, 1600U);
  const auto dropped = stats.dropped_by(DropReason::Full);
  EXPECT_GE(dropped.records, 4U);
  EXPECT_EQ(dropped.items, 3 * dropped.records);
  ASSERT_TRUE(journal->acknowledge(1)) << "the record was out when it was dropped";
  EXPECT_EQ(sequences(drain(*journal)), range(dropped.records + 1, 26));
  EXPECT_EQ(journal->stats().acknowledged, Count{});
  expect_all_counted({}, journal->stats());
}

TEST(Journal, OneRecordMayTakeAllTheRoomButNotMore) {
  const TempDir dir;
  const auto journal = open_at({.dir = dir.path(), .max_bytes = 1000, .max_record_bytes = 960});
  add_many(*journal, 1, 5);
  EXPECT_EQ(journal->append(kTime, 1, 0, body_of(6, 945)).error().code, Code::Invalid);
  EXPECT_EQ(journal->append(kTime, 1, 0, body_of(6, 961)).error().code, Code::Invalid);
  EXPECT_EQ(sequences(drain(*journal)), range(1, 5)) << "what cannot fit drops nothing";
  add(*journal, 6, 944);
  EXPECT_EQ(journal->stats().dropped_by(DropReason::Full), (Count{5, 15}));
  EXPECT_EQ(next_now(*journal)->sequence, 6U);
}

TEST(Journal, OldRecordsGoAtAppendNextAndOpen) {
  const TempDir dir;
  const EpochMs now = now_epoch_ms();
  const EpochMs old = now - 3'600'000;
  const auto age = [](const Journal& journal) { return journal.stats().dropped_by(DropReason::Age).records; };
  {
    const auto journal = open_at({.dir = dir.path()});
    for (const EpochMs time : {old, old, now, old, now}) add(*journal, 0, 20, 3, time);
    EXPECT_EQ(age(*journal), 0U) << "without max_age nothing is too old";
  }
  const auto journal = open_at({.dir = dir.path(), .max_age = 30min});
  EXPECT_EQ(age(*journal), 2U) << "at open";
  EXPECT_EQ(sequences(drain(*journal)), (std::vector<Sequence>{3, 5}));
  EXPECT_EQ(age(*journal), 2U) << "counted when all before it are done with";
  ASSERT_TRUE(journal->acknowledge(3));
  EXPECT_EQ(age(*journal), 3U);
  ASSERT_TRUE(journal->acknowledge(5));
  add(*journal, 0, 20, 3, old);
  EXPECT_EQ(age(*journal), 4U) << "at append";
  EXPECT_FALSE(next_now(*journal));
  EXPECT_EQ(journal->stats().acknowledged.records, 2U);
  expect_all_counted({5, 15}, journal->stats());
}

TEST(Journal, NextWaitsForARecordADeadlineOrAStop) {
  const TempDir dir;
  const auto journal = open_at({.dir = dir.path()});
  EXPECT_FALSE(*journal->next(std::chrono::steady_clock::now() + 1ms, {}));
  std::stop_source stop;
  std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_FALSE(*journal->next(soon(), stop.get_token()));
  std::jthread appender([&] { add(*journal, 1); });
  const auto record = journal->next(soon(), {});
  ASSERT_TRUE(record && *record);
  EXPECT_EQ((*record)->body, body_of(1, 20));
}

TEST(Journal, SyncsByItselfAndThenRests) {
  const TempDir dir;
  const auto journal = open_at({.dir = dir.path(), .sync_every = 1ms});
  add(*journal, 1);
  const auto end = soon();
  while (journal->stats().syncs == 0 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  const auto syncs = journal->stats().syncs;
  EXPECT_GE(syncs, 1U);
  ASSERT_TRUE(journal->sync());
  EXPECT_EQ(journal->stats().syncs, syncs + 1) << "only the one that was asked for";
  EXPECT_EQ(journal->stats().write_errors, 0U);
}

TEST(Journal, OnlyOneMayHaveTheFolder) {
  const TempDir dir;
  {
    const auto journal = open_at({.dir = dir.path()});
    const auto second = Journal::open({.dir = dir.path()});
    EXPECT_EQ(second.error().code, Code::Unavailable);
    EXPECT_NE(second.error().what.find(dir.path().string()), std::string::npos);
    const pid_t child = ::fork();
    if (child == 0) ::_exit(Journal::open({.dir = dir.path()}) ? 1 : 42);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 42) << "another process got in";
  }
  EXPECT_TRUE(Journal::open({.dir = dir.path()})) << "free again";
  EXPECT_FALSE(Journal::open({.dir = "/proc/journal"}));
}

TEST(Journal, ABacklogKeepsFewFilesOpen) {
  const TempDir dir;
  const auto files = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator{});
  };
  const auto before = files();
  add_many(*open_at({.dir = dir.path(), .segment_bytes = 100}), 1, 60);
  const auto journal = open_at({.dir = dir.path(), .segment_bytes = 100});
  EXPECT_EQ(journal->stats().segments, 60U);
  EXPECT_EQ(drain(*journal).size(), 60U);
  EXPECT_LE(files() - before, 5);  // folder, cursor, newest segment, head, reader
}

// Any order of calls, against a list in memory.
TEST(Journal, BehavesAsAListDoes) {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const TempDir dir;
    const Options options{.dir = dir.path(), .segment_bytes = 50 + random() % 1000};
    auto journal = open_at(options);
    Count at_open;
    Sequence last = 0, done = 0, read = 0;
    for (int step = 0; step < 300; ++step) {
      switch (random() % 12) {
        case 0:
          if (random() % 4 != 0) break;
          expect_all_counted(at_open, journal->stats());
          journal.reset();
          journal = open_at(options);
          at_open = journal->stats().pending;
          read = done;
          break;
        case 1:
          journal->rewind(), read = done;
          break;
        case 2:
        case 3:
          done = std::max(done, std::uniform_int_distribution<Sequence>(done, random() % 4 == 0 ? last : read)(random));
          ASSERT_TRUE(journal->acknowledge(done));
          read = std::max(read, done);
          break;
        case 4:
        case 5:
        case 6:
        case 7:
          if (const auto record = next_now(*journal)) {
            ASSERT_EQ(record->sequence, ++read);
            ASSERT_EQ(record->body, body_of(read, read % 90));
          } else {
            ASSERT_EQ(read, last);
          }
          break;
        default:
          ++last;
          ASSERT_EQ(add(*journal, last, last % 90), last);
      }
      ASSERT_EQ(journal->stats().pending, (Count{last - done, 3 * (last - done)}));
    }
    expect_all_counted(at_open, journal->stats());
    EXPECT_EQ(total_dropped(journal->stats()), Count{});
  }
}

// An appender that fills the journal over and over, a reader, and somebody who looks.
TEST(Journal, ThreadsMeetInIt) {
  const TempDir dir;
  const auto journal = open_at({.dir = dir.path(), .segment_bytes = 20'000, .max_bytes = 200'000, .sync_every = 2ms});
  constexpr Sequence kRecords = 2000;
  std::jthread appender([&] {
    for (Sequence id = 1; id <= kRecords; ++id) add(*journal, id, id * 37 % 9000);
  });
  std::jthread looker([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      const auto stats = journal->stats();
      EXPECT_LE(stats.disk_bytes, 200'000U);
      EXPECT_LE(stats.pending.records, kRecords);
      std::this_thread::yield();
    }
  });
  Sequence read = 0;
  std::uint64_t delivered = 0;
  while (read < kRecords) {
    const auto record = journal->next(soon(), {});
    ASSERT_TRUE(record && *record);
    ASSERT_GT((*record)->sequence, read);
    read = (*record)->sequence;
    ASSERT_TRUE((*record)->body == body_of(read, read * 37 % 9000));
    ++delivered;
    if (read % 16 == 0) {
      ASSERT_TRUE(journal->acknowledge(read));
    }
  }
  appender.join();
  ASSERT_TRUE(journal->acknowledge(kRecords));
  const auto stats = journal->stats();
  EXPECT_EQ(stats.pending, Count{});
  EXPECT_EQ(stats.dropped_by(DropReason::Corrupt), Count{});
  EXPECT_GE(delivered + stats.dropped_by(DropReason::Full).records, kRecords);
  expect_all_counted({}, stats);
}

}  // namespace
}  // namespace tessera::journal
