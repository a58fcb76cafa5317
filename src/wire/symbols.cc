#include "wire/symbols.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>

#include "wire/protobuf.h"

namespace tessera::wire {
namespace {
constexpr std::size_t kLeastSlots = 1024;
constexpr unsigned kSymbolsField = 4;
}  // namespace

SymbolTable::SymbolTable() : slots_(kLeastSlots) { add({}); }

void SymbolTable::add(std::string_view text) {
  protobuf::append_bytes(encoded_, kSymbolsField, text);
  places_.push_back(
      {static_cast<std::uint32_t>(encoded_.size() - text.size()), static_cast<std::uint32_t>(text.size())});
}

std::uint32_t SymbolTable::ref(std::string_view text) {
  if (text.empty()) return 0;
  const auto hash = static_cast<std::uint32_t>(XXH3_64bits(text.data(), text.size()));
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  for (; slots_[at].ref != 0; at = (at + 1) & mask)
    if (slots_[at].hash == hash && this->text(slots_[at].ref) == text) return slots_[at].ref;
  const auto ref = static_cast<std::uint32_t>(places_.size());
  slots_[at] = {hash, ref};
  add(text);
  if (places_.size() * 2 > slots_.size()) grow();
  return ref;
}

void SymbolTable::grow() {
  std::vector<Slot> wider(slots_.size() * 2);
  const std::size_t mask = wider.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.ref == 0) continue;
    std::size_t at = slot.hash & mask;
    while (wider[at].ref != 0) at = (at + 1) & mask;
    wider[at] = slot;
  }
  slots_.swap(wider);
}

void SymbolTable::clear() {
  constexpr std::size_t kFar = 16;
  if (slots_.size() > std::max(kLeastSlots, places_.size() * kFar)) {
    *this = SymbolTable();
    return;
  }
  std::ranges::fill(slots_, Slot{});
  encoded_.clear();
  places_.clear();
  add({});
}

}  // namespace tessera::wire
