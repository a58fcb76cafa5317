#include "fleet/placement/room.h"

#include <algorithm>
#include <cassert>
#include <optional>
#include <vector>

namespace tessera::fleet::placement {

Kind kind_of(const Request& request) {
  if (request.devices == 0) return Kind::None;
  if (request.shares()) return Kind::Share;
  if (request.devices == 1) return Kind::One;
  if (request.devices == 2) return Kind::Two;
  return request.devices <= 4 ? Kind::Four : Kind::Eight;
}

std::int64_t Room::free_milli() const {
  std::int64_t sum = 0;
  for (unsigned i = 0; i < devices; ++i) sum += milli[i];
  return sum;
}

unsigned Room::whole_devices() const {
  unsigned count = 0;
  for (unsigned i = 0; i < devices; ++i) count += milli[i] == kWholeMilli;
  return count;
}

void number_shapes(std::span<Room> nodes) {
  std::vector<const Room*> shapes;
  for (Room& node : nodes) {
    const auto alike = std::ranges::find_if(shapes, [&](const Room* shape) {
      node.shape = shape->shape;
      return node == *shape;
    });
    if (alike != shapes.end()) continue;
    node.shape = static_cast<std::uint16_t>(shapes.size());
    shapes.push_back(&node);
  }
}

bool fits(const Room& room, const Request& request) {
  if (request.cpu_milli > room.cpu_milli || request.memory_mib > room.memory_mib) return false;
  unsigned fitting = 0;
  for (unsigned i = 0; i < room.devices && fitting < request.devices; ++i) fitting += device_fits(room, i, request);
  return fitting == request.devices;
}

DeviceSet first_fit(const Room& room, const Request& request) {
  unsigned devices = 0, missing = request.devices;
  for (unsigned i = 0; i < room.devices && missing > 0; ++i) {
    if (!device_fits(room, i, request)) continue;
    devices |= 1U << i;
    --missing;
  }
  assert(missing == 0);
  return static_cast<DeviceSet>(devices);
}

DeviceSet best_fit(const Room& room, const Request& request) {
  if (!request.shares()) return first_fit(room, request);
  std::optional<unsigned> best;
  for (unsigned i = 0; i < room.devices; ++i)
    if (device_fits(room, i, request) && (!best || room.milli[i] < room.milli[*best])) best = i;
  assert(best);
  return static_cast<DeviceSet>(1U << *best);
}

namespace {

// What a device or a node has no limit of stays so.
void add(std::int64_t& free, std::int64_t amount) {
  if (free != kNoLimit) free += amount;
}

void move(Room& room, const Request& request, DeviceSet devices, int direction) {
  add(room.cpu_milli, direction * request.cpu_milli);
  add(room.memory_mib, direction * request.memory_mib);
  for (unsigned i = 0; i < room.devices; ++i)
    if ((devices >> i & 1U) != 0)
      room.milli[i] = static_cast<std::uint16_t>(room.milli[i] + direction * static_cast<int>(request.device_milli));
  if (const Kind kind = kind_of(request); kind != Kind::None) {
    auto& held = room.held[static_cast<std::size_t>(kind)];
    held = static_cast<std::uint16_t>(held + direction);
  }
}

}  // namespace

void take(Room& room, const Request& request, DeviceSet devices) { move(room, request, devices, -1); }
void give_back(Room& room, const Request& request, DeviceSet devices) { move(room, request, devices, 1); }

}  // namespace tessera::fleet::placement
