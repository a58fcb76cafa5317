#include "fleet/placement/streams.h"

#include <algorithm>
#include <random>

namespace tessera::fleet::placement {
namespace {

constexpr std::size_t kStreams = 16;
constexpr std::size_t kLength = 20;  // requests of a stream
constexpr std::int64_t kCpuStepMilli = 1'000;
constexpr std::int64_t kMemoryStepMib = 16'384;

/// CPU and memory in steps that hardly a request notices, so that more rooms are the same.
Room coarse(Room room) {
  if (room.cpu_milli != kNoLimit) room.cpu_milli -= room.cpu_milli % kCpuStepMilli;
  if (room.memory_mib != kNoLimit) room.memory_mib -= room.memory_mib % kMemoryStepMib;
  return room;
}

}  // namespace

Streams::Streams(const Mix& mix) {
  double all = 0;
  for (const auto& [request, share] : mix) all += request.devices > 0 ? share : 0;
  constexpr auto wanted = static_cast<double>(kStreams * kLength);
  double due = 0;
  for (const auto& [request, share] : mix) {
    if (request.devices == 0) continue;
    due += share / all * wanted;
    while (static_cast<double>(requests_.size()) < due - 0.5)
      requests_.push_back(static_cast<std::uint16_t>(kinds_.size()));
    kinds_.push_back(request);
  }
  std::mt19937_64 random(1);
  for (std::size_t i = requests_.size(); i > 1; --i) std::swap(requests_[i - 1], requests_[random() % i]);
}

double Streams::filled_milli(const Room& room) {
  if (room.free_milli() == 0) return 0;
  return memo_.value(coarse(room), [this](const Room& r) { return mean_fill(r); });
}

double Streams::mean_fill(const Room& room) const {
  double sum = 0;
  std::size_t streams = 0;
  for (std::span<const std::uint16_t> rest = requests_; !rest.empty(); ++streams) {
    const std::size_t length = std::min(kLength, rest.size());
    sum += fill(room, rest.first(length));
    rest = rest.subspan(length);
  }
  return streams == 0 ? 0 : sum / static_cast<double>(streams);
}

double Streams::fill(const Room& room, std::span<const std::uint16_t> stream) const {
  std::array<std::uint16_t, kMaxDevices> milli{};  // of devices that have any
  std::array<std::uint8_t, kMaxDevices> model{}, fitting{};
  unsigned devices = 0;
  std::int64_t free = 0;
  for (unsigned i = 0; i < room.devices; ++i) {
    if (room.milli[i] == 0) continue;
    free += milli[devices] = room.milli[i];
    model[devices++] = room.model[i];
  }
  std::int64_t cpu_milli = room.cpu_milli, memory_mib = room.memory_mib, filled = 0;
  for (const std::uint16_t kind : stream) {
    const Request& request = kinds_[kind];
    if (request.cpu_milli > cpu_milli || request.memory_mib > memory_mib) continue;
    unsigned count = 0, best = 0;
    for (unsigned i = 0; i < devices; ++i) {
      if (milli[i] < request.device_milli || (request.models >> model[i] & 1U) == 0) continue;
      if (count == 0 || milli[i] < milli[best]) best = i;
      fitting[count++] = static_cast<std::uint8_t>(i);
    }
    if (count < request.devices) continue;
    if (request.devices == 1) fitting[0] = static_cast<std::uint8_t>(best);
    for (unsigned i = 0; i < request.devices; ++i)
      milli[fitting[i]] = static_cast<std::uint16_t>(milli[fitting[i]] - request.device_milli);
    if (cpu_milli != kNoLimit) cpu_milli -= request.cpu_milli;
    if (memory_mib != kNoLimit) memory_mib -= request.memory_mib;
    filled += request.total_milli();
    if (filled == free) break;
  }
  return static_cast<double>(filled);
}

}  // namespace tessera::fleet::placement
