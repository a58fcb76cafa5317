#include "fleet/inventory/series_index.h"

#include <utility>

#include "base/heap.h"

namespace tessera::fleet {

std::uint32_t SeriesIndex::find(const SeriesKey& key, std::uint32_t epoch) {
  if (entries_.empty()) return kUnknown;
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t i = key.low & mask; !entries_[i].is_free(); i = (i + 1) & mask) {
    Entry& entry = entries_[i];
    if (entry.high != key.high || entry.low != static_cast<std::uint32_t>(key.low)) continue;
    entry.epoch = epoch % kEpochs;
    return entry.slot;
  }
  return kUnknown;
}

void SeriesIndex::insert(const SeriesKey& key, std::uint32_t slot, std::uint32_t epoch) {
  constexpr std::size_t kFirst = 1024;
  if ((size_ + 1) * 8 > entries_.size() * 7) grow(entries_.empty() ? kFirst : entries_.size() * 2);
  put({key.high, static_cast<std::uint32_t>(key.low), slot & kSlots, epoch % kEpochs});
  ++size_;
}

void SeriesIndex::drop_old(std::uint32_t now, std::uint32_t epochs,
                           const std::function<void(std::uint32_t slot)>& dropped) {
  std::size_t kept = 0;
  for (Entry& entry : entries_) {
    if (entry.is_free()) continue;
    if ((now - entry.epoch) % kEpochs < epochs) {
      ++kept;
      continue;
    }
    dropped(entry.slot);
    entry.slot = kSlots;
  }
  if (kept == size_) return;
  size_ = kept;
  grow(entries_.size());  // runs of collisions must have no holes
}

void SeriesIndex::grow(std::size_t capacity) {
  std::vector<Entry> old;
  old.reserve(capacity);
  prefer_huge_pages(old.data(), capacity * sizeof(Entry));
  old.resize(capacity);
  old.swap(entries_);
  for (const Entry& entry : old)
    if (!entry.is_free()) put(entry);
}

void SeriesIndex::put(const Entry& entry) {
  const std::size_t mask = entries_.size() - 1;
  std::size_t i = entry.low & mask;
  while (!entries_[i].is_free()) i = (i + 1) & mask;
  entries_[i] = entry;
}

}  // namespace tessera::fleet
