#pragma once
// What the journal's tests share.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "base/files.h"
#include "journal/journal.h"

namespace tessera::journal {

inline constexpr EpochMs kTime = 1'700'000'000'000;

inline std::unique_ptr<Journal> open_at(Options options) {
  auto journal = Journal::open(std::move(options));
  if (!journal) {
    ADD_FAILURE() << journal.error().what;
    std::abort();  // no test can go on
  }
  return *std::move(journal);
}

/// A body that tells which one it is.
inline std::string body_of(std::uint64_t id, std::size_t size) {
  std::string body(size, '\0');
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<char>((id * 2654435761U + i * 40503U) >> 8U);
  return body;
}

/// The next record if there is one by now.
inline std::optional<Record> next_now(Journal& journal) {
  auto record = journal.next({}, {});
  if (!record) {
    ADD_FAILURE() << record.error().what;
    return std::nullopt;
  }
  return *std::move(record);
}

inline std::vector<Record> drain(Journal& journal) {
  std::vector<Record> records;
  while (auto record = next_now(journal)) records.push_back(*std::move(record));
  return records;
}

inline std::vector<Sequence> sequences(const std::vector<Record>& records) {
  std::vector<Sequence> out;
  for (const auto& record : records) out.push_back(record.sequence);
  return out;
}

inline std::vector<std::filesystem::path> segment_files(const std::filesystem::path& dir) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(dir))
    if (entry.path().extension() == ".journal1") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

inline void write_plain(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline Count total_dropped(const Stats& stats) {
  Count sum;
  for (const auto& count : stats.dropped) sum = {sum.records + count.records, sum.items + count.items};
  return sum;
}

/// Every record that was there or came has left once or is pending.
inline void expect_all_counted(const Count& at_open, const Stats& stats) {
  const Count dropped = total_dropped(stats);
  EXPECT_EQ(at_open.records + stats.appended.records,
            stats.acknowledged.records + dropped.records + stats.pending.records);
  EXPECT_EQ(at_open.items + stats.appended.items, stats.acknowledged.items + dropped.items + stats.pending.items);
}

}  // namespace tessera::journal
