#pragma once
// What a node has left: a plain value without pointers, so that a policy may try a placement on a copy.
#include <array>
#include <cstdint>
#include <limits>
#include <span>

#include "fleet/placement/request.h"

namespace tessera::fleet::placement {

inline constexpr unsigned kMaxDevices = 16;  ///< of a node; more are nodes of their own
inline constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

/// Devices of one node, one bit each.
using DeviceSet = std::uint16_t;

/// What a node's workloads are told apart by where alike ones are kept together: a part of a device, or so many
/// devices.
enum class Kind : std::uint8_t { Share, One, Two, Four, Eight, None };
inline constexpr unsigned kKinds = 5;
Kind kind_of(const Request& request);

struct Room {
  std::int64_t cpu_milli = kNoLimit;   ///< free; kNoLimit where nobody tells what the node has
  std::int64_t memory_mib = kNoLimit;  ///< free; as above
  std::uint16_t shape = 0;             ///< nodes of one shape are alike when empty; by number_shapes()
  std::uint8_t devices = 0;
  std::array<std::uint8_t, kMaxDevices> model{};
  std::array<std::uint16_t, kMaxDevices> milli{};  ///< free on each device
  std::array<std::uint16_t, kKinds> held{};        ///< workloads, by Kind
  bool operator==(const Room&) const = default;

  std::int64_t free_milli() const;
  unsigned whole_devices() const;  ///< on which nobody is
};

/// Numbers the shapes of empty nodes from 0 on.
void number_shapes(std::span<Room> nodes);

/// Whether the device alone would do.
inline bool device_fits(const Room& room, unsigned device, const Request& request) {
  return room.milli[device] >= request.device_milli && (request.models >> room.model[device] & 1U) != 0;
}

bool fits(const Room& room, const Request& request);

/// The devices that serve a request for whole ones: all that are free are alike, so the first.
DeviceSet first_fit(const Room& room, const Request& request);
/// The same, but a part comes from the device that has least left.
DeviceSet best_fit(const Room& room, const Request& request);

/// `devices` are as many as asked for, and each fits; CPU and memory suffice.
void take(Room& room, const Request& request, DeviceSet devices);
/// Undoes take() exactly.
void give_back(Room& room, const Request& request, DeviceSet devices);

}  // namespace tessera::fleet::placement
