#pragma once
// What a room is worth to a policy, remembered by what matters of it: nodes of one shape with the same room are worth
// the same, and a large fleet has many of them.
#include <array>
#include <cstdint>
#include <vector>

#include "fleet/placement/room.h"

namespace tessera::fleet::placement {

/// As large as it will ever be: each room has one place, and takes it from whoever had it.
class RoomMemo {
 public:
  /// Of `room`, by `worth` where it is not remembered. Which workloads hold the rest, and in which order devices stand,
  /// does not matter.
  template <class Worth>
  double value(const Room& room, const Worth& worth) {
    const Key key(room);
    Entry& entry = entries_[key.place()];
    if (!(entry.key == key)) entry = {key, worth(room)};
    return entry.value;
  }

 private:
  static constexpr std::size_t kEntries = 1U << 16U;

  struct Key {
    Key() = default;
    explicit Key(const Room& room);
    bool operator==(const Key&) const = default;
    std::size_t place() const;  ///< below kEntries

    std::int64_t cpu_milli = -1, memory_mib = -1;      ///< of no room
    std::array<std::uint16_t, kMaxDevices> devices{};  ///< model and free milli of each, sorted
  };
  struct alignas(64) Entry {  // a line of the processor's cache
    Key key;
    double value = 0;
  };

  std::vector<Entry> entries_ = std::vector<Entry>(kEntries);
};

}  // namespace tessera::fleet::placement
