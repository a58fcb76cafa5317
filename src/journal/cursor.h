#pragma once
// How far a journal is done with, in a file of its own. Two slots, a disk block apart, are written in turn, each with a
// checksum: a write that is cut short costs the newest word only. A slot is 32 bytes, little-endian: magic (8),
// sequence (8), items (8), XXH3-64 of these (8); the higher sequence counts.
#include <filesystem>
#include <memory>

#include "journal/file.h"
#include "journal/record.h"

namespace tessera::journal {

/// Up to and with a record: its number, and the items of all records so far.
struct Mark {
  Sequence sequence = 0;
  std::uint64_t items = 0;
  bool operator==(const Mark&) const = default;
};

class Cursor {
 public:
  /// Makes the file if there is none; what no slot says for sure is 0.
  static Result<Cursor> open(const std::filesystem::path& path);

  const Mark& mark() const { return mark_; }
  Result<void> write(const Mark& mark);
  const std::shared_ptr<const File>& file() const { return file_; }

 private:
  explicit Cursor(std::shared_ptr<const File> file) : file_(std::move(file)) {}

  std::shared_ptr<const File> file_;
  Mark mark_;
  unsigned slot_ = 0;  // that holds mark_
};

}  // namespace tessera::journal
