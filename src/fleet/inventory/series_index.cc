#include "fleet/inventory/series_index.h"

#include <utility>

#include "base/heap.h"

namespace tessera::fleet {

std::uint32_t SeriesIndex::find(const SeriesKey& key, std::uint32_t epoch) {
  if (entries_.empty()) return kUnknown;
  const std::size_t mask = entries_.size() - 1;
  for (std::size_t i = key.low & mask; entries_[i].slot != kUnknown; i = (i + 1) & mask) {
    if (entries_[i].key != key) continue;
    entries_[i].epoch = epoch;
    return entries_[i].slot;
  }
  return kUnknown;
}

void SeriesIndex::insert(const SeriesKey& key, std::uint32_t slot, std::uint32_t epoch) {
  constexpr std::size_t kFirst = 1024;
  if ((size_ + 1) * 8 > entries_.size() * 7) grow(entries_.empty() ? kFirst : entries_.size() * 2);
  put({key, slot, epoch});
  ++size_;
}

void SeriesIndex::drop_before(std::uint32_t epoch, const std::function<void(std::uint32_t slot)>& dropped) {
  std::size_t kept = 0;
  for (Entry& entry : entries_) {
    if (entry.slot == kUnknown) continue;
    if (entry.epoch >= epoch) {
      ++kept;
      continue;
    }
    dropped(entry.slot);
    entry.slot = kUnknown;
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
    if (entry.slot != kUnknown) put(entry);
}

void SeriesIndex::put(const Entry& entry) {
  const std::size_t mask = entries_.size() - 1;
  std::size_t i = entry.key.low & mask;
  while (entries_[i].slot != kUnknown) i = (i + 1) & mask;
  entries_[i] = entry;
}

}  // namespace tessera::fleet
