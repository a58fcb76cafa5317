#pragma once
// What a node's room is still good for: how much of its GPU samples of the requests to come would fill.
#include <cstdint>
#include <span>
#include <vector>

#include "fleet/placement/room.h"
#include "fleet/placement/room_memo.h"

namespace tessera::fleet::placement {

class Streams {
 public:
  /// Each kind of request that asks for GPU is in the streams as often as in the mix, in an order that is always the
  /// same.
  explicit Streams(const Mix& mix);

  /// Milli of GPU: for each stream what its requests get that come one by one, each that fits onto the device that it
  /// fills best, and those that do not fit going elsewhere; the mean over all streams.
  double filled_milli(const Room& room);

 private:
  double mean_fill(const Room& room) const;
  double fill(const Room& room, std::span<const std::uint16_t> stream) const;

  std::vector<Request> kinds_;
  std::vector<std::uint16_t> requests_;  ///< of kinds_; the streams one behind the other
  RoomMemo memo_;
};

}  // namespace tessera::fleet::placement
