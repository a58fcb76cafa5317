#pragma once
// A small fleet of mixed nodes and requests for it, for tests.
#include <random>

#include "fleet/placement/room.h"

namespace tessera::fleet::placement {

/// All free; 12 CPU and 48 GiB a device.
inline Room test_room(std::uint8_t devices, std::uint8_t model) {
  Room room;
  room.cpu_milli = devices * 12'000;
  room.memory_mib = devices * 49'152;
  room.devices = devices;
  for (unsigned i = 0; i < devices; ++i) {
    room.model[i] = model;
    room.milli[i] = kWholeMilli;
  }
  return room;
}

inline std::vector<Room> test_fleet(std::size_t nodes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Room> rooms;
  for (std::size_t i = 0; i < nodes; ++i)
    rooms.push_back(test_room(static_cast<std::uint8_t>(1U << random() % 4), static_cast<std::uint8_t>(random() % 3)));
  number_shapes(rooms);
  return rooms;
}

inline const std::vector<Request>& test_requests() {
  static const std::vector<Request> requests = {
      {.cpu_milli = 8'000, .memory_mib = 16'384},
      {.cpu_milli = 3'000, .memory_mib = 8'192, .devices = 1, .device_milli = 250},
      {.cpu_milli = 4'000, .memory_mib = 8'192, .devices = 1, .device_milli = 500},
      {.cpu_milli = 3'000, .memory_mib = 8'192, .devices = 1, .device_milli = 810, .models = 0b011},
      {.cpu_milli = 11'000, .memory_mib = 16'384, .devices = 1, .device_milli = 1'000},
      {.cpu_milli = 16'000, .memory_mib = 49'152, .devices = 1, .device_milli = 1'000, .models = 0b100},
      {.cpu_milli = 20'000, .memory_mib = 65'536, .devices = 2, .device_milli = 1'000},
      {.cpu_milli = 90'000, .memory_mib = 131'072, .devices = 8, .device_milli = 1'000},
  };
  return requests;
}

inline const Request& test_request(std::mt19937_64& random) {
  return test_requests()[random() % test_requests().size()];
}

inline Mix test_mix() {
  Mix mix;
  for (const Request& request : test_requests())
    mix.push_back({request, 1.0 / static_cast<double>(test_requests().size())});
  return mix;
}

}  // namespace tessera::fleet::placement
