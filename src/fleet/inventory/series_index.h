#pragma once
// From a series' key to its slot: open addressing, 16 bytes an entry, for ten million of them.
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

/// Owned by the thread that owns the fleet. It keeps 96 bits of a key: of 20 million series, two are taken for one with
/// a probability of 1 in 10^14.
class SeriesIndex {
 public:
  static constexpr std::uint32_t kUnknown = 0xFFFFFFFF;
  static constexpr std::uint32_t kSlots = (1U << 26U) - 1;  ///< a slot is below this
  static constexpr std::uint32_t kEpochs = 64;              ///< what was seen so long ago counts as seen just now

  /// The slot of a known series, which counts as seen in this epoch; kUnknown for another.
  std::uint32_t find(const SeriesKey& key, std::uint32_t epoch);

  /// Begins to fetch what find() will read: a key's place is anywhere in memory.
  void prefetch(const SeriesKey& key) const {
    if (!entries_.empty()) __builtin_prefetch(&entries_[key.low & (entries_.size() - 1)], 1);
  }

  /// Adds a series that find() does not know.
  void insert(const SeriesKey& key, std::uint32_t slot, std::uint32_t epoch);

  /// Drops what was last seen `epochs` before `now` or earlier, and says which slots are free now.
  void drop_old(std::uint32_t now, std::uint32_t epochs, const std::function<void(std::uint32_t slot)>& dropped);

  std::size_t size() const { return size_; }
  std::size_t bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    std::uint64_t high = 0;            ///< of the key
    std::uint32_t low = 0;             ///< the lower half of it
    std::uint32_t slot : 26 = kSlots;  ///< kSlots: the place is free
    std::uint32_t epoch : 6 = 0;       ///< its last bits
    bool is_free() const { return slot == kSlots; }
  };
  static_assert(sizeof(Entry) == 16);
  void grow(std::size_t capacity);
  void put(const Entry& entry);

  std::vector<Entry> entries_;  ///< a power of two, at most seven eighths full
  std::size_t size_ = 0;
};

}  // namespace tessera::fleet
