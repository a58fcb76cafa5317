#pragma once
// Finds rows of a vector by what they hold: open addressing over row numbers, because the rows are elsewhere already.
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tessera::relay {

inline constexpr std::uint32_t kNoRow = 0xffff'ffff;

/// A hash of a row number, or of two.
constexpr std::uint64_t mixed(std::uint64_t value) {
  value *= 0x9e3779b97f4a7c15;
  return value ^ (value >> 29);
}

class IndexTable {
 public:
  /// The row of this hash for which `equal(row)` holds, or kNoRow.
  template <class Equal>
  std::uint32_t find(std::uint64_t hash, const Equal& equal) const {
    if (slots_.empty()) return kNoRow;
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t slot = hash & mask; slots_[slot] != kNoRow; slot = (slot + 1) & mask)
      if (equal(slots_[slot])) return slots_[slot];
    return kNoRow;
  }

  /// Adds a row that find() does not know. `hash_of(row)` is asked of all rows when the table grows.
  template <class HashOf>
  void insert(std::uint32_t row, const HashOf& hash_of) {
    constexpr std::size_t kFirst = 16;
    if ((rows_ + 1) * 4 > slots_.size() * 3) {
      std::vector<std::uint32_t> old(slots_.empty() ? kFirst : slots_.size() * 2, kNoRow);
      old.swap(slots_);
      for (const std::uint32_t other : old)
        if (other != kNoRow) put(other, hash_of(other));
    }
    put(row, hash_of(row));
    ++rows_;
  }

 private:
  void put(std::uint32_t row, std::uint64_t hash) {
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = hash & mask;
    while (slots_[slot] != kNoRow) slot = (slot + 1) & mask;
    slots_[slot] = row;
  }

  std::vector<std::uint32_t> slots_;  ///< a power of two, at most three quarters full
  std::size_t rows_ = 0;
};

}  // namespace tessera::relay
