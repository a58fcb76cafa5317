#pragma once
// What a room is worth to a policy, remembered by what matters of it: nodes of one shape with the same room are worth
// the same, and a large fleet has many of them.
#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "fleet/placement/room.h"

namespace tessera::fleet::placement {

class RoomMemo {
 public:
  /// Of `room`, by `worth` the first time; which workloads hold the rest, and in which order devices stand, does not
  /// matter.
  template <class Worth>
  double value(const Room& room, const Worth& worth) {
    const Key key(room);
    if (const auto known = values_.find(key); known != values_.end()) return known->second;
    if (values_.size() == kLimit) values_.clear();  // what is asked for again comes back
    return values_.emplace(key, worth(room)).first->second;
  }
  void clear() { values_.clear(); }
  std::size_t size() const { return values_.size(); }

 private:
  static constexpr std::size_t kLimit = 1U << 18U;

  struct Key {
    explicit Key(const Room& room);
    bool operator==(const Key&) const = default;
    std::int64_t cpu_milli, memory_mib;
    std::array<std::uint16_t, kMaxDevices> devices{};  ///< model and free milli of each, sorted
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };

  std::unordered_map<Key, double, Hash> values_;
};

}  // namespace tessera::fleet::placement
