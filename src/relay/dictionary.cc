#include "relay/dictionary.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {
namespace {
constexpr std::size_t kFirstSlots = 64;
constexpr std::size_t kFirstBlock = 1024;
constexpr std::size_t kLargestBlock = 64U << 10U;
}  // namespace

Dictionary::Dictionary() : slots_(kFirstSlots) {}

std::uint32_t Dictionary::number(std::string_view text) {
  const std::uint64_t hash = XXH3_64bits(text.data(), text.size());
  std::size_t mask = slots_.size() - 1;
  std::size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Entry& entry = entries_[slots_[slot] - 1];
    if (entry.hash == hash && entry.text == text) return slots_[slot] - 1;
  }
  entries_.push_back({keep(text), hash});
  slots_[slot] = static_cast<std::uint32_t>(entries_.size());
  if (entries_.size() * 2 > slots_.size()) grow();
  return static_cast<std::uint32_t>(entries_.size() - 1);
}

std::string_view Dictionary::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > block_free_) {
    const std::size_t next = std::min(kFirstBlock << std::min<std::size_t>(blocks_.size(), 6), kLargestBlock);
    block_free_ = std::max(text.size(), next);
    blocks_.push_back(std::make_unique<char[]>(block_free_));
    block_at_ = blocks_.back().get();
  }
  char* const begin = block_at_;
  std::memcpy(begin, text.data(), text.size());
  block_at_ += text.size();
  block_free_ -= text.size();
  return {begin, text.size()};
}

void Dictionary::grow() {
  std::vector<std::uint32_t> wider(slots_.size() * 2);
  const std::size_t mask = wider.size() - 1;
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    std::size_t slot = entries_[i].hash & mask;
    while (wider[slot] != 0) slot = (slot + 1) & mask;
    wider[slot] = i + 1;
  }
  slots_.swap(wider);
}

}  // namespace tessera::relay
