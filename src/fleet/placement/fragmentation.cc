#include "fleet/placement/fragmentation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "fleet/placement/room_memo.h"

namespace tessera::fleet::placement {
namespace {

/// The devices that would serve a request, were there CPU enough.
struct Usable {
  unsigned devices = 0;
  std::int64_t milli = 0;
};

Usable usable_for(const Room& room, const Request& request) {
  Usable usable;
  for (unsigned i = 0; i < room.devices; ++i) {
    if (!device_fits(room, i, request)) continue;
    ++usable.devices;
    usable.milli += room.milli[i];
  }
  return usable;
}

bool ask_alike_of_devices(const Request& a, const Request& b) {
  return a.device_milli == b.device_milli && a.models == b.models;
}

class Fgd : public Policy {
 public:
  explicit Fgd(const Mix& mix) : typical_(typical(mix, 0.95)) {
    std::ranges::sort(typical_, {}, [](const Expected& expected) {
      return std::pair(expected.request.models, expected.request.device_milli);
    });
  }

  Offer offer(const Room& room, const Request& request) override {
    if (!request.shares()) return onto(room, request, first_fit(room, request));
    Offer best{-1, 0};
    for (unsigned i = 0; i < room.devices; ++i) {
      if (!device_fits(room, i, request)) continue;
      const Offer here = onto(room, request, static_cast<DeviceSet>(1U << i));
      if (here.score > best.score) best = here;
    }
    return best;
  }

 private:
  Offer onto(const Room& room, const Request& request, DeviceSet devices) {
    Room after = room;
    take(after, request, devices);
    const double less = fragmented(room) - fragmented(after);
    return {static_cast<std::int32_t>(100 / (1 + std::exp(-less / 1000))), devices};
  }
  double fragmented(const Room& room) {
    return memo_.value(room, [this](const Room& r) { return fragmented_milli(r, typical_); });
  }

  Mix typical_;
  RoomMemo memo_;
};

}  // namespace

// Those that stand side by side and ask alike of a device share the look at the devices.
double fragmented_milli(const Room& room, const Mix& typical) {
  const std::int64_t all = room.free_milli();
  double used = 0;
  const Request* looked_at = nullptr;
  Usable usable;
  for (const auto& [request, share] : typical) {
    if (request.devices == 0 || request.cpu_milli > room.cpu_milli) continue;
    if (!looked_at || !ask_alike_of_devices(*looked_at, request)) usable = usable_for(room, request);
    looked_at = &request;
    if (usable.devices >= request.devices) used += share * static_cast<double>(usable.milli);
  }
  return static_cast<double>(all) - used;
}

std::unique_ptr<Policy> make_fgd(const Mix& mix) { return std::make_unique<Fgd>(mix); }

}  // namespace tessera::fleet::placement
