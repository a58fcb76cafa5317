#include "fleet/placement/room_memo.h"

#include <algorithm>

namespace tessera::fleet::placement {

RoomMemo::Key::Key(const Room& room) : cpu_milli(room.cpu_milli), memory_mib(room.memory_mib) {
  static_assert(kWholeMilli < 1U << 10U, "free milli take ten bits, the model six");
  for (unsigned i = 0; i < room.devices; ++i)
    devices[i] = static_cast<std::uint16_t>(room.model[i] << 10U | room.milli[i]);
  // A handful, nearly sorted: insertion is the quickest.
  for (unsigned i = 1; i < room.devices; ++i)
    for (unsigned j = i; j > 0 && devices[j - 1] > devices[j]; --j) std::swap(devices[j - 1], devices[j]);
}

std::size_t RoomMemo::Key::place() const {
  constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15;  // 2^64 by the golden ratio
  std::uint64_t hash = (static_cast<std::uint64_t>(cpu_milli) * kOdd ^ static_cast<std::uint64_t>(memory_mib)) * kOdd;
  for (std::size_t i = 0; i < devices.size(); i += 4) {
    std::uint64_t four = 0;
    for (std::size_t j = 0; j < 4; ++j) four = four << 16U | devices[i + j];
    hash = (hash ^ hash >> 29U ^ four) * kOdd;
  }
  return (hash ^ hash >> 32U) % kEntries;
}

}  // namespace tessera::fleet::placement
