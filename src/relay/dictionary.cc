#include "relay/dictionary.h"

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace tessera::relay {
namespace {
constexpr std::size_t kFirstBlock = 1024;
constexpr std::size_t kDoublings = 6;  // up to blocks of 64 KiB

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }
}  // namespace

std::uint32_t Dictionary::find(std::string_view text, std::uint64_t hash) const {
  return index_.find(hash, [&](std::uint32_t i) { return entries_[i].hash == hash && entries_[i].text == text; });
}

std::uint32_t Dictionary::find(std::string_view text) const { return find(text, hash_of(text)); }

std::uint32_t Dictionary::number(std::string_view text) {
  const std::uint64_t hash = hash_of(text);
  if (const auto known = find(text, hash); known != kNoRow) return known;
  const auto added = static_cast<std::uint32_t>(entries_.size());
  entries_.push_back({keep(text), hash});
  index_.insert(added, [this](std::uint32_t i) { return entries_[i].hash; });
  return added;
}

std::string_view Dictionary::keep(std::string_view text) {
  if (text.empty()) return {};
  if (text.size() > block_free_) {
    block_free_ = std::max(text.size(), kFirstBlock << std::min(blocks_.size(), kDoublings));
    blocks_.push_back(std::make_unique<char[]>(block_free_));
    block_at_ = blocks_.back().get();
  }
  char* const begin = block_at_;
  std::memcpy(begin, text.data(), text.size());
  block_at_ += text.size();
  block_free_ -= text.size();
  bytes_ += text.size();
  return {begin, text.size()};
}

}  // namespace tessera::relay
