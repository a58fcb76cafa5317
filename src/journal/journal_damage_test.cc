// Bytes that rotted, files that were cut short, and disks that are full.
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "journal/journal_test.h"

namespace tessera::journal {
namespace {

constexpr std::size_t kSizes[] = {0, 10, 40, 1, 25};
constexpr std::size_t kRecords = std::size(kSizes);
constexpr std::uint32_t kItems = 3;

class JournalDamage : public testing::Test {
 public:
  // Thousands of journals are closed here, each with a sync: memory is quicker than a disk.
  static void SetUpTestSuite() {
    if (::access("/dev/shm", W_OK) == 0) ::setenv("TMPDIR", "/dev/shm", 1);
  }
};

/// A folder of five records, to be damaged and looked at over and over.
class Patient {
 public:
  explicit Patient(std::uint64_t segment_bytes) {
    const auto journal = open_at({.dir = dir_.path(), .segment_bytes = segment_bytes});
    for (std::size_t i = 0; i < kRecords; ++i)
      EXPECT_TRUE(journal->append(kTime, kItems, static_cast<std::uint8_t>(i), body_of(i, kSizes[i])));
    for (const auto& path : segment_files(dir_.path())) files_.emplace_back(path, *read_file(path));
  }
  std::size_t segments() const { return files_.size(); }
  const std::string& bytes(std::size_t segment) const { return files_[segment].second; }

  struct Outcome {
    std::vector<Record> delivered;
    Stats stats;  ///< after all was acknowledged
  };
  /// What comes when one segment has these bytes; the journal has to work on.
  Outcome look(std::size_t segment, std::string_view bytes) {
    std::filesystem::remove(dir_.path() / "cursor");
    for (const auto& path : segment_files(dir_.path())) std::filesystem::remove(path);
    for (std::size_t i = 0; i < files_.size(); ++i)
      write_plain(files_[i].first, i == segment ? bytes : std::string_view(files_[i].second));
    auto journal = open_at({.dir = dir_.path()});
    const Count at_open{journal->stats().pending.records + total_dropped(journal->stats()).records,
                        journal->stats().pending.items + total_dropped(journal->stats()).items};
    Outcome out{drain(*journal), {}};
    const auto more = journal->append(kTime, kItems, 9, "more");
    EXPECT_TRUE(more) << more.error().what;
    EXPECT_GT(*more, out.delivered.empty() ? 0 : out.delivered.back().sequence);
    EXPECT_EQ(next_now(*journal)->body, "more");
    EXPECT_TRUE(journal->acknowledge(*more));
    out.stats = journal->stats();
    EXPECT_EQ(out.stats.pending, Count{});
    expect_all_counted(at_open, out.stats);
    journal.reset();
    journal = open_at({.dir = dir_.path()});
    EXPECT_EQ(*journal->append(kTime, kItems, 9, "again"), *more + 1) << "the damage is seen once";
    EXPECT_EQ(next_now(*journal)->body, "again");
    EXPECT_EQ(total_dropped(journal->stats()), Count{});
    return out;
  }

 private:
  TempDir dir_;
  std::vector<std::pair<std::filesystem::path, std::string>> files_;
};

void expect_right(const std::vector<Record>& records) {
  Sequence last = 0;
  for (const auto& record : records) {
    ASSERT_GT(record.sequence, last);
    ASSERT_LE(record.sequence, kRecords);
    last = record.sequence;
    EXPECT_EQ(record.kind, last - 1);
    EXPECT_EQ(record.time, kTime);
    EXPECT_EQ(record.items, kItems);
    EXPECT_EQ(record.body, body_of(last - 1, kSizes[last - 1]));
  }
}

TEST_F(JournalDamage, AFlippedByteCostsItsRecordOnly) {
  for (const std::uint64_t segment_bytes : {1000U, 150U}) {
    Patient patient(segment_bytes);
    ASSERT_EQ(patient.segments(), segment_bytes == 1000 ? 1U : 3U);
    Sequence record = 0;
    for (std::size_t segment = 0; segment < patient.segments(); ++segment) {
      std::size_t begin = 0, end = 0;  // of the record
      for (std::size_t at = 0; at < patient.bytes(segment).size(); ++at) {
        if (at == end) begin = end, end += kHeaderBytes + kSizes[record++];
        SCOPED_TRACE(fmt::format("segment {} of {}, byte {}, record {}", segment, patient.segments(), at, record));
        std::string bytes = patient.bytes(segment);
        bytes[at] = static_cast<char>(bytes[at] ^ (at % 2 == 0 ? 0xFF : 0x01));
        const auto [delivered, stats] = patient.look(segment, bytes);
        std::vector<Sequence> want;
        for (Sequence s = 1; s <= kRecords; ++s)
          if (s != record) want.push_back(s);
        ASSERT_EQ(sequences(delivered), want);
        expect_right(delivered);
        // Nothing follows the last one to tell how much its rotten header stood for.
        const bool unknown = record == kRecords && at - begin < kHeaderBytes;
        EXPECT_EQ(stats.dropped_by(DropReason::Corrupt), (Count{1, unknown ? 0 : kItems}));
      }
    }
    EXPECT_EQ(record, kRecords);
  }
}

TEST_F(JournalDamage, ACutFileGivesAllItsWholeRecords) {
  Patient patient(1000);
  const std::string& whole = patient.bytes(0);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    SCOPED_TRACE(length);
    std::size_t end = 0, records = 0;
    while (records < kRecords && end + kHeaderBytes + kSizes[records] <= length)
      end += kHeaderBytes + kSizes[records++];
    const auto [delivered, stats] = patient.look(0, whole.substr(0, length));
    EXPECT_EQ(delivered.size(), records);
    expect_right(delivered);
    const Count torn{end < length ? 1U : 0U, length - end >= kHeaderBytes ? kItems : 0U};
    EXPECT_EQ(stats.dropped_by(DropReason::Corrupt), torn);
  }
}

TEST_F(JournalDamage, ABlockOfZerosCostsWhatItCovers) {
  Patient patient(1000);
  const std::string& whole = patient.bytes(0);
  for (std::size_t at = 0; at < whole.size(); at += 7)
    for (std::size_t length = 1; at + length <= whole.size(); length += 41) {
      SCOPED_TRACE(fmt::format("{} zeros at {}", length, at));
      std::string bytes = whole;
      bytes.replace(at, length, length, '\0');
      const auto [delivered, stats] = patient.look(0, bytes);
      expect_right(delivered);
      std::size_t begin = 0, untouched = 0;
      for (const std::size_t size : kSizes) {
        const std::size_t end = begin + kHeaderBytes + size;
        untouched += whole.compare(begin, end - begin, bytes, begin, end - begin) == 0 ? 1 : 0;
        begin = end;
      }
      EXPECT_EQ(delivered.size(), untouched);
    }
}

TEST_F(JournalDamage, ARecordInsideABodyIsNoRecord) {
  const TempDir dir;
  std::string inner;
  {
    const TempDir other;
    const auto journal = open_at({.dir = other.path()});
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(journal->append(kTime, 1, 66, "planted"));
    inner = *read_file(segment_files(other.path()).at(0));
  }
  {
    const auto journal = open_at({.dir = dir.path()});
    ASSERT_TRUE(journal->append(kTime, 1, 1, inner + inner));
    ASSERT_TRUE(journal->append(kTime, 1, 1, "last"));
  }
  const auto path = segment_files(dir.path()).at(0);
  std::string bytes = *read_file(path);
  bytes[5] ^= 1;  // the outer length
  write_plain(path, bytes);
  const auto records = drain(*open_at({.dir = dir.path()}));
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].body, "last");
}

TEST_F(JournalDamage, AVanishedOrForeignFileIsPassedOver) {
  const TempDir dir;
  const Options options{.dir = dir.path(), .segment_bytes = 100};
  auto journal = open_at(options);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(journal->append(kTime, 1, 0, body_of(1, 30)));
  ASSERT_TRUE(journal->sync());  // and so lets go of its files
  std::filesystem::remove(segment_files(dir.path()).at(2));
  EXPECT_EQ(sequences(drain(*journal)), (std::vector<Sequence>{1, 2, 4, 5, 6})) << "while it is open";
  journal.reset();
  std::filesystem::remove(segment_files(dir.path()).at(0));
  std::filesystem::create_directory(dir.path() / "00000000000000000009-0000000000000000.journal1");
  for (const auto* name :
       {"notes.txt", "00000000000000000009-00000000000000zz.journal1", "00000000000000000000-0000000000000000.journal1",
        "00000000000000000009-0000000000000000.journal2"})
    write_plain(dir.path() / name, "not ours");
  journal = open_at(options);
  EXPECT_EQ(sequences(drain(*journal)), (std::vector<Sequence>{2, 4, 5, 6}));
  ASSERT_TRUE(journal->acknowledge(6));
  EXPECT_EQ(journal->stats().dropped_by(DropReason::Corrupt), (Count{1, 1}));
}

TEST_F(JournalDamage, ARottenCursorSlotCostsOneAcknowledgementAtMost) {
  const TempDir dir;
  {
    const auto journal = open_at({.dir = dir.path()});
    for (std::size_t i = 0; i < kRecords; ++i) ASSERT_TRUE(journal->append(kTime, kItems, 0, body_of(i, 30)));
    for (const Sequence through : {1U, 2U, 3U}) ASSERT_TRUE(journal->acknowledge(through));
  }
  const std::string bytes = *read_file(dir.path() / "cursor");
  for (const std::size_t slot : {0U, 4096U})
    for (std::size_t at = slot; at < slot + 32; ++at) {
      SCOPED_TRACE(at);
      std::string rotten = bytes;
      rotten[at] ^= 0x10;
      write_plain(dir.path() / "cursor", rotten);
      const auto first = next_now(*open_at({.dir = dir.path()}));
      ASSERT_TRUE(first);
      EXPECT_TRUE(first->sequence == 4 || first->sequence == 3) << first->sequence;
    }
  for (const std::size_t length : {0U, 31U, 4096U + 31U}) {
    write_plain(dir.path() / "cursor", bytes.substr(0, length));
    EXPECT_LE(next_now(*open_at({.dir = dir.path()}))->sequence, 4U);
  }
}

// Appends until the disk refuses, makes room by `relieve`, and looks whether anything was lost.
void fill_and_relieve(const std::filesystem::path& dir, const std::function<void()>& relieve) {
  const Options options{.dir = dir, .segment_bytes = 100'000};
  auto journal = open_at(options);
  Sequence last = 0;
  for (int refused = 0; refused < 3;) {
    const std::size_t size = refused == 0 ? 9000 : 20'000;  // smaller ones might find room
    const auto sequence = journal->append(kTime, 1, 0, body_of(last + 1, size));
    if (sequence) {
      ASSERT_EQ(*sequence, ++last);
      ASSERT_LT(last, 10'000U) << "the disk is never full";
      continue;
    }
    EXPECT_EQ(sequence.error().code, Code::Unavailable);
    EXPECT_NE(sequence.error().what.find(dir.string()), std::string::npos);
    ++refused;
  }
  EXPECT_EQ(journal->stats().write_errors, 3U);
  std::uint64_t bytes = 0;
  for (const auto& path : segment_files(dir)) bytes += std::filesystem::file_size(path);
  EXPECT_EQ(journal->stats().disk_bytes, bytes) << "what was half written is cut away";
  EXPECT_EQ(next_now(*journal)->sequence, 1U);
  EXPECT_TRUE(journal->acknowledge(1)) << "a full disk has room for the cursor";
  relieve();
  ASSERT_EQ(*journal->append(kTime, 1, 0, body_of(last + 1, 9000)), last + 1);
  ++last;
  for (int reopened = 0; reopened < 2; ++reopened) {
    const auto records = drain(*journal);
    ASSERT_EQ(records.size(), last - 1);
    for (const auto& record : records) ASSERT_TRUE(record.body == body_of(record.sequence, record.body.size()));
    EXPECT_EQ(total_dropped(journal->stats()), Count{});
    journal.reset();
    journal = open_at(options);
  }
}

TEST_F(JournalDamage, AFileThatMayNotGrowIsCutBackAndUsedOn) {
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto limit = [&](rlim_t bytes) {
    const rlimit changed{bytes, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &changed), 0);
  };
  const TempDir dir;
  limit(50'000);
  fill_and_relieve(dir.path(), [&] { limit(before.rlim_cur); });
  limit(before.rlim_cur);
  std::signal(SIGXFSZ, ignored);
}

TEST_F(JournalDamage, AFullDiskRefusesAndLosesNothing) {
  const TempDir dir;
  bool mounted = false;
  // A mount that only this thread, and those it starts, can see: it goes with them.
  std::thread([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return;
    if (::mount("none", dir.path().c_str(), "tmpfs", 0, "size=500k") != 0) return;
    mounted = true;
    const auto ballast = dir.path() / "ballast";
    write_plain(ballast, std::string(100'000, 'x'));
    fill_and_relieve(dir.path(), [&] { std::filesystem::remove(ballast); });
  }).join();
  if (!mounted) GTEST_SKIP() << "this process may not mount a tmpfs: the right CAP_SYS_ADMIN is missing";
}

}  // namespace
}  // namespace tessera::journal
