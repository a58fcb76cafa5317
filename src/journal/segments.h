#pragma once
// The segment files of a journal, oldest first: files named by the first sequence they may hold and their salt. The
// newest is written to; there always is one, so that its name keeps the numbers rising after all else is deleted.
//
// Not thread-safe but for what reserve() hands out.
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "journal/cursor.h"
#include "journal/file.h"
#include "journal/record.h"

namespace tessera::journal {

/// A way marker between two records: where to look for the next, and what lies behind.
struct Place {
  Sequence segment = 0;  ///< by its first sequence
  std::uint64_t offset = 0;
  Mark passed{};
  std::shared_ptr<const File> file{};  ///< the segment's, once it was read

  /// Over a record that peek() found there.
  void step(const Header& header) {
    offset += header.size();
    passed = {header.sequence, header.items_through()};
  }
  bool operator==(const Place&) const = default;
};

class Segments {
 public:
  /// Takes up what the folder holds. What follows the last whole record is cut away; the number it had, or would have
  /// had, is not given again. Segments that end at or before `done` are deleted.
  static Result<Segments> open(const std::filesystem::path& folder, const Mark& done);

  /// The place of the first record.
  Place begin() const { return start_of(segments_.begin()->first); }
  /// Where the second segment begins; there has to be one.
  Place second() const { return start_of(std::next(segments_.begin())->first); }
  /// Behind the last record.
  Place end() const;

  /// The last number given, and the items of all.
  const Mark& tail() const { return tail_; }

  /// Moves `place` before the next record, over what is none; at the end of all, nothing.
  Result<std::optional<Header>> peek(Place& place) const;

  /// Where the next record goes; to be written without a lock, then to be made known by commit().
  struct Slot {
    std::shared_ptr<const File> file;
    std::uint64_t offset;
    std::uint64_t salt;
  };
  Slot reserve() const { return {active_, segments_.rbegin()->second.bytes, segments_.rbegin()->second.salt}; }
  void commit(const Header& header);

  /// Begins a new segment, unless the newest is one.
  Result<void> roll();

  /// Deletes all segments before `segment`, but never the newest.
  void remove_before(Sequence segment);

  std::size_t count() const { return segments_.size(); }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t active_bytes() const { return segments_.rbegin()->second.bytes; }

  /// The files, and the folder if names came, that a sync has to write since the last call.
  std::vector<std::shared_ptr<const File>> take_unsynced();

 private:
  struct Segment {
    std::uint64_t salt;
    std::uint64_t bytes;
  };

  explicit Segments(std::shared_ptr<const File> folder) : folder_(std::move(folder)) {}
  static Place start_of(Sequence first) { return {.segment = first, .passed = {first - 1, 0}}; }
  std::filesystem::path path(Sequence first, std::uint64_t salt) const;
  Result<void> list();
  Result<void> recover(const Mark& done);
  Result<void> cut(Segment& segment, const Stretch& rest);

  std::shared_ptr<const File> folder_;
  std::map<Sequence, Segment> segments_;
  std::uint64_t bytes_ = 0;
  std::shared_ptr<const File> active_;  ///< the newest segment's
  Mark tail_;
  std::map<Sequence, std::shared_ptr<const File>> unsynced_;
  bool folder_unsynced_ = false;
};

}  // namespace tessera::journal
