#pragma once
// From a series' key to its slot: open addressing, 24 bytes an entry, for ten million of them.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace tessera::fleet {

/// A series' label set as a number of 128 well mixed bits.
struct SeriesKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const SeriesKey&) const = default;
};

/// Owned by the thread that owns the fleet.
class SeriesIndex {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFFFFFF;

  /// The slot of a known series, which counts as seen in this epoch; kUnknown for another.
  std::uint32_t find(const SeriesKey& key, std::uint32_t epoch);

  /// Begins to fetch what find() will read: a key's place is anywhere in memory.
  void prefetch(const SeriesKey& key) const {
    if (!entries_.empty()) __builtin_prefetch(&entries_[key.low & (entries_.size() - 1)], 1);
  }

  /// Adds a series that find() does not know. `slot` is not kUnknown.
  void insert(const SeriesKey& key, std::uint32_t slot, std::uint32_t epoch);

  /// Drops what was last seen before `epoch`, and says which slots are free now.
  void drop_before(std::uint32_t epoch, const std::function<void(std::uint32_t slot)>& dropped);

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    SeriesKey key;
    std::uint32_t slot = kUnknown;
    std::uint32_t epoch = 0;
  };
  static_assert(sizeof(Entry) == 24);
  void grow(std::size_t capacity);
  void put(const Entry& entry);

  std::vector<Entry> entries_;  ///< a power of two, at most seven eighths full
  std::size_t size_ = 0;
};

}  // namespace tessera::fleet
