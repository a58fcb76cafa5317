#pragma once
// An open file that is read and written at given places, by any number of threads. Paths appear in every error.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"

namespace tessera::journal {

class File {
 public:
  /// `flags` as open(2) takes them.
  static Result<std::shared_ptr<const File>> open(const std::filesystem::path& path, int flags);
  File(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  ~File();
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  /// Takes the file or directory for this process's File alone; Unavailable if another has it.
  Result<void> lock() const;

  /// How many bytes were read: fewer at the end of the file, and where the disk cannot read them.
  std::size_t read(std::uint64_t offset, std::span<char> out) const;

  /// Both parts, one behind the other; after an error any part of them may have been written.
  Result<void> write(std::uint64_t offset, std::string_view first, std::string_view second = {}) const;

  Result<void> truncate(std::uint64_t size) const;
  Result<std::uint64_t> size() const;

  /// Returns when the contents, or a directory's names, are on the disk.
  Result<void> sync() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace tessera::journal
